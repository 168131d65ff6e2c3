#ifndef LSTM_MPI_CLI_STANDARD_OUTPUT_H
#define LSTM_MPI_CLI_STANDARD_OUTPUT_H

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes a text as a whole to standard output. A reader that has seen enough, such as head, is no error. */
MUST_CHECK enum status standard_output_write(const char *text, size_t bytes, struct error *error);

/* The same for a piece of a text: `*open` becomes false where nobody reads any more. */
MUST_CHECK enum status standard_output_stream(bool *open, const char *text, size_t bytes,
                                              struct error *error);

#endif
