#ifndef LSTM_MPI_LINALG_VECTOR_H
#define LSTM_MPI_LINALG_VECTOR_H

/* Element-wise work on rows of float32, in the vector instructions of the level in use. Rows may not
 * overlap unless they are the same. */

#include <stddef.h>
#include <stdint.h>

/* y += x */
void vector_add(size_t count, const float *x, float *y);

/* out = x + y */
void vector_sum(size_t count, const float *x, const float *y, float *out);

/* y += a · x */
void vector_axpy(size_t count, float a, const float *x, float *y);

/* x *= a */
void vector_scale(size_t count, float a, float *x);

/* Σ x², in double. */
double vector_sum_of_squares(size_t count, const float *x);

/* The largest |x|; NaN counts as nothing. */
float vector_largest(size_t count, const float *x);

#endif
