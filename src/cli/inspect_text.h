#ifndef LSTM_MPI_CLI_INSPECT_TEXT_H
#define LSTM_MPI_CLI_INSPECT_TEXT_H

#include "comparison.h"
#include "inspection.h"

#include <stdio.h>

/* For people: a summary on lines of 80 columns. With the vocabulary, that follows, one token a line; the
 * token comes last, so that its width on the screen does not matter. */
MUST_CHECK enum status inspect_text(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                                    struct error *error);

/* The same of two checkpoints: in what they differ. With `with_vocabulary` all tokens that one of them lacks.
 */
MUST_CHECK enum status inspect_text_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                                        struct error *error);

#endif
