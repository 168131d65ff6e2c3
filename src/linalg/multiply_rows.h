#ifndef LSTM_MPI_LINALG_MULTIPLY_ROWS_H
#define LSTM_MPI_LINALG_MULTIPLY_ROWS_H

/* The products of few rows for the level that a file is compiled for (see struct rows_product). */

#include "floats.h"
#include "vector_functions.h"

#include <stdbool.h>

/* Vectors of a strip of columns: two, or four where the sums of so few rows leave registers for them, and one
 * for the last columns. */
enum { PAIR = 2, QUADRUPLE = 4 };
#if defined(__AVX512F__)
enum { QUADRUPLE_ROWS = 6, REGISTER_ROWS = 12, FETCH_DEPTHS = 16, TAKES_ONE_FROM_MEMORY = true };
#else
enum { QUADRUPLE_ROWS = 2, REGISTER_ROWS = 6, FETCH_DEPTHS = 32, TAKES_ONE_FROM_MEMORY = false };
#endif
#ifdef __FP_FAST_FMAF
enum { FUSES = true };
#else
enum { FUSES = false };
#endif

void LSTM_MPI_LEVEL_NAME(multiply_rows)(const struct rows_product *product);

#endif
