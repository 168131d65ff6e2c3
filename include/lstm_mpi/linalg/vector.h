#ifndef LSTM_MPI_LINALG_VECTOR_H
#define LSTM_MPI_LINALG_VECTOR_H

/* Element-wise work on rows of float32, in the vector instructions of the level in use. Rows may not
 * overlap unless they are the same. The plain form of each function is in vector_reference.h. */

#include <stddef.h>
#include <stdint.h>

/* y += x */
void vector_add(size_t count, const float *x, float *y);

/* out = x + y */
void vector_sum(size_t count, const float *x, const float *y, float *out);

/* y += a · x */
void vector_axpy(size_t count, float a, const float *x, float *y);

/* Σ x², in double. */
double vector_sum_of_squares(size_t count, const float *x);

/* Cross-entropy of one row of logits (without their bias), -log softmax(logits + bias)[target]. The row
 * becomes scale · (softmax - onehot(target)), the gradient of scale · loss by the logits, and is added to
 * `bias_gradient`. Not finite where a logit is not. */
double vector_softmax_loss(size_t count, float *logits, const float *bias, size_t target, float scale,
                           float *bias_gradient);

#endif
