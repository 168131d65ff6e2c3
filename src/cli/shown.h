#ifndef LSTM_MPI_CLI_SHOWN_H
#define LSTM_MPI_CLI_SHOWN_H

/* Numbers, shapes and tokens as people read them. */

#include "lstm_mpi/store/snapshot.h"

#include <stdio.h>

enum { SHOWN_NUMBER_BYTES = 40, SHOWN_SHAPE_BYTES = TENSOR_MAX_DIMS * 24 };

/* They return `text`: 1234567 as "1,234,567", bytes as "9.4 MiB", a shape as "256 x 1024". */
const char *shown_grouped(char text[SHOWN_NUMBER_BYTES], uint64_t value);
const char *shown_size(char text[SHOWN_NUMBER_BYTES], uint64_t bytes);
const char *shown_shape(char text[SHOWN_SHAPE_BYTES], const struct tensor *tensor);

/* Control characters as escapes, so that a token neither breaks a line nor moves the cursor. */
void shown_token(FILE *out, const char *token);

#endif
