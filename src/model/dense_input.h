#ifndef LSTM_MPI_MODEL_DENSE_INPUT_H
#define LSTM_MPI_MODEL_DENSE_INPUT_H

/* The input of a layer that is not a token: X·W_x of all steps at once, before the loop over time, and behind
 * that of the way back its gradients. */

#include "gradient_sums.h"
#include "lstm_mpi/linalg/panels.h"
#include "lstm_mpi/model/packed_weights.h"

struct dense_input {
    const struct packed_layer *weights; /* a view */
    size_t block_rows;
    struct panels x_rows;             /* a block of X as the left operand */
    struct panels gate_rows;          /* of the gradient of the gates as the left operand */
    struct position_panels x_columns; /* all of X, transposed, as the left operand */
};

/* For up to steps · rows rows of X. `exact`: dense_input_weight_gradient will be asked for exact sums, else
 * for plain ones. The weights must outlive it. */
MUST_CHECK enum status dense_input_create(struct dense_input *input, const struct packed_layer *weights,
                                          size_t rows, size_t steps, bool exact, struct error *error);
void dense_input_free(struct dense_input *input);

/* Floats that it holds. */
size_t dense_input_floats(const struct dense_input *input);

/* gates += X·W_x; X: [positions, in], gates: [positions, G], rows `gate_stride` floats apart. */
void dense_input_forward(struct dense_input *input, const float *x, size_t positions, float *gates,
                         size_t gate_stride);

/* dX = dgates·W_xᵀ, or with `accumulate` that is added to dX. */
void dense_input_backward(struct dense_input *input, const struct position_values *dgates, float *dx,
                          bool accumulate);

/* dW_x = Xᵀ·dgates, the latter packed, goes to `offset` of `sums`, or with `accumulate` is added there. */
void dense_input_weight_gradient(struct dense_input *input, const float *x, const struct gradient_sums *sums,
                                 size_t offset, const struct position_panels *dgates, bool accumulate);

#endif
