#ifndef LSTM_MPI_CLI_SAMPLE_OUTPUT_H
#define LSTM_MPI_CLI_SAMPLE_OUTPUT_H

/* Samples of a model, on standard output in their order: each the beginning as it was given, what
 * follows, and a newline; between two of them a line of nothing but a form feed. They are made some at once,
 * as a batch. The first of a batch is written as it comes, the others when they are whole. */

#include "lstm_mpi/generate/prefix.h"
#include "lstm_mpi/generate/sampler.h"
#include "trained_model.h"

struct sample_output_spec {
    const struct trained_model *model;
    struct sampler_spec sampling;
    struct prefix beginning; /* of at least 1 token; a view */
    uint64_t length;         /* tokens after the beginning */
    uint64_t count;          /* samples, at least 1 */
    bool behind_another;     /* the line with the form feed comes first */
};

/* Until all are written or nobody reads any more: `*open` becomes false then, and that is no error. Memory
 * grows neither with the count nor with the length. */
MUST_CHECK enum status sample_output_write(const struct sample_output_spec *spec, bool *open,
                                           struct error *error);

#endif
