#ifndef LSTM_MPI_LINALG_SOFTMAX_H
#define LSTM_MPI_LINALG_SOFTMAX_H

/* Softmax and cross-entropy of a block of rows of logits, whose gradients are made where and how the products
 * that follow want them. With the logits z of a row (bias included), its target t and a scale s:
 *
 *     loss = log(Σ_v exp z_v) - z_t
 *     dz_v = s · (exp z_v / Σ_u exp z_u - [v = t]), the gradient of s · loss
 */

#include "lstm_mpi/linalg/panels.h"

#include <stdint.h>

struct softmax_block {
    float *logits; /* [rows, V] without the bias; used up */
    size_t rows;
    size_t vocabulary;
    const float *bias;       /* [V] */
    const uint32_t *targets; /* [rows] */
    float scale;
};

/* Returns the sum of the losses; not finite where a logit is not. The gradients are packed into `rows`, as
 * the left operand [rows, V], and into `columns`, as the depths from `first_depth` on of the right operand
 * [·, V] (see panels_begin), and added up into `bias_gradient` [V]. `factors` has room for a number a row. */
double softmax_loss(const struct softmax_block *block, float *factors, struct panels *rows,
                    struct panels *columns, size_t first_depth, float *bias_gradient);

#endif
