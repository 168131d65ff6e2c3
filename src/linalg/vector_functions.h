#ifndef LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H
#define LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H

/* What vector_loops.c supplies for each vector level; the meanings are in lstm_mpi/linalg/vector.h. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stddef.h>

struct vector_functions {
    void (*add)(size_t count, const float *x, float *y);
    void (*sum)(size_t count, const float *x, const float *y, float *out);
    void (*multiply)(size_t count, const float *x, float *y);
    void (*axpy)(size_t count, float a, const float *x, float *y);
    void (*axpby)(size_t count, float a, const float *x, float b, float *y); /* y = a·x + b·y */
    void (*scale)(size_t count, float a, float *x);
    double (*sum_of_squares)(size_t count, const float *x);
    /* The largest |x|; NaN counts as nothing. */
    float (*largest)(size_t count, const float *x);
    /* sums += (x + rounder) - rounder (see exact_sum.h) */
    void (*add_rounded)(size_t count, const float *x, double rounder, double *sums);
};

VECTOR_LEVELS_DECLARE(const struct vector_functions, vector_functions);

/* The table of the level in use. */
const struct vector_functions *vector_functions_in_use(void);

#endif
