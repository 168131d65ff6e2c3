#ifndef LSTM_MPI_MODEL_LAYER_H
#define LSTM_MPI_MODEL_LAYER_H

/* One recurrent layer with one-hot inputs over T steps of some rows. */

#include "gradient_sums.h"
#include "lstm_mpi/linalg/panels.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/gradients_listener.h"
#include "lstm_mpi/model/packed_weights.h"
#include "lstm_mpi/model/phase.h"

#include <stdint.h>

/* Where the gradients go, and their offsets there. */
struct layer_gradients {
    struct gradient_sums sums;
    size_t W_x; /* rows of G: row input_rows[t·rows + r] belongs to the input at (t, r) */
    size_t W_h;
    size_t b;
};

struct layer {
    const struct cell_ops *cell;
    const struct cell_functions *functions;
    size_t hidden;
    size_t gate_width; /* G */
    size_t rows;
    size_t steps;
    const struct packed_weights *weights; /* a view */
    struct panels h_rows;                 /* H of one step as the left operand */
    struct panels gate_rows;              /* gradient of one step's gates as the left operand */
    struct position_product W_h;          /* Hᵀ · gradient of the gates, over all steps */
    float *gates; /* [T, rows, G]: activations, after layer_backward the gradient of the pre-activations */
    float *h;     /* [T + 1, rows, H]; h[0] is the carried state */
    float *c;     /* [T + 1, rows, H] */
    float *saved; /* [T, rows, H] */
    float *dc;    /* [rows, H] */
};

/* `exact`: layer_backward will be asked for exact sums, else for plain ones. The weights must outlive the
 * layer.
 */
MUST_CHECK enum status layer_create(struct layer *layer, const struct cell_ops *cell,
                                    const struct packed_weights *weights, size_t rows, size_t steps,
                                    bool exact, struct error *error);
void layer_free(struct layer *layer);

/* Floats that it holds. */
size_t layer_floats(const struct layer *layer);

/* Runs `steps` steps, at most those of layer_create, from the state in h[0], c[0]. `inputs`: [steps, rows].
 */
void layer_forward(struct layer *layer, const uint32_t *inputs, size_t steps);

/* Back-propagation through the time of the last layer_forward over all T steps. `dh`: [T, rows, H], the
 * gradient of H from above, is used up. Writes the gradients of W_h and b, and adds to the rows of W_x's.
 * `listener` (NULL: none) hears after every step that this goes on. */
void layer_backward(struct layer *layer, float *dh, const uint32_t *input_rows,
                    const struct layer_gradients *gradients, const struct gradients_listener *listener,
                    struct phase_times *times);

/* The state after `steps` steps becomes the carried one. */
void layer_carry(struct layer *layer, size_t steps);

#endif
