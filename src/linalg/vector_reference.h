#ifndef LSTM_MPI_LINALG_VECTOR_REFERENCE_H
#define LSTM_MPI_LINALG_VECTOR_REFERENCE_H

/* The table of vector_loops.c once more, as plain as C can say it and with sums in double. Read it first to
 * learn what the fast loops do; the tests hold every vector level against it. */

#include "vector_functions.h"

extern const struct vector_functions vector_reference;

#endif
