#ifndef LSTM_MPI_CLI_INSPECT_JSON_H
#define LSTM_MPI_CLI_INSPECT_JSON_H

#include "comparison.h"
#include "inspection.h"

#include <stdio.h>

/* For programs: one object. Its keys are
 *
 * - path: as it was asked for
 * - checkpoint, metrics_file: path, bytes, format_version, program_version, created; null: no such file
 * - config: the settings by their names in /config, and corpus_digest; null: none
 * - parameters, parameter_bytes: of all tensors below /model; absent without a checkpoint, as the next two
 * - tensors: path, shape, parameters, bytes of each
 * - vocabulary_size
 * - vocabulary, with_vocabulary: id, token, code_point, count of each
 * - progress: the attributes of /progress; null: none
 * - metrics: the columns of metrics.h5, those of ranks as a list for each epoch
 *
 * What a file does not say is null, and so is a number that is not finite. A whole number above 2^63 - 1 is a
 * string. */
MUST_CHECK enum status inspect_json(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                                    struct error *error);

/* The same of two checkpoints: in what they differ, in one object. */
MUST_CHECK enum status inspect_json_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                                        struct error *error);

#endif
