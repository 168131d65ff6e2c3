#ifndef LSTM_MPI_MODEL_LAYER_H
#define LSTM_MPI_MODEL_LAYER_H

/* One direction of one recurrent layer over T steps of some rows. All arrays are in the order of time; a
 * reverse direction works through them from the last step to the first:
 *
 *     forward     H carried | H after step 0 | … | H after step T-1, carried on
 *     reverse     H after step 0, carried on | H after step 1 | … | H after step T-1 | H carried
 */

#include "dense_input.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/gradients_listener.h"
#include "lstm_mpi/model/phase.h"

#include <stdint.h>

/* What a layer reads: tokens, or rows of numbers. */
struct layer_input {
    const uint32_t *tokens; /* [T, rows]; for layers without input_width */
    const float *x;         /* [T, rows, in]; for the others */
};

/* Where the gradients go: the offsets of the weights' in `sums`. */
struct layer_gradients {
    struct gradient_sums sums;
    size_t W_x; /* [in, G]; or, of tokens, rows `token_stride` numbers apart: row token_rows[t·rows + r]
                   belongs to the token at (t, r) */
    size_t token_stride;
    const uint32_t *token_rows; /* [T, rows] */
    size_t W_h;
    size_t b;
    bool has_b_h;
    size_t b_h;
    float *x; /* [T, rows, in], of the input; not for tokens */
    bool adds_to_x;
};

struct layer {
    const struct cell_ops *cell;
    const struct cell_functions *functions;
    const struct packed_layer *weights; /* a view */
    bool reverse;
    size_t rows;
    size_t block_rows; /* so many rows of a step are worked on together */
    size_t steps;
    size_t chunks;                      /* of steps, whose gradients of weights are summed together */
    struct dense_input input;           /* empty where tokens come in */
    struct panels h_rows;               /* H of a block as the left operand */
    struct panels gate_rows;            /* gradient of a block's gates as the left operand */
    struct position_panels h_columns;   /* H before the steps of a chunk, transposed, as the left operand */
    struct position_panels chunk_gates; /* gradient of the gates of a chunk as the right operand */
    float *bias;                        /* [G]: b + b_h where cells do not split them */
    size_t gate_stride;                 /* floats from a row of `gates` or `recurrent` to the next */
    float *gates;     /* [T, rows, G]: activations, after layer_backward the gradient of X·W_x + b */
    float *recurrent; /* [T, rows, G]: H·W_h + b_h, after layer_backward its gradient; NULL: in `gates` */
    float *h;         /* [T + 1, rows, H] */
    float *c;         /* [T + 1, rows, H]; NULL for cells without it, and so the others */
    float *saved;     /* [T, rows, H] */
    float *dc;        /* [rows, H] */
    float *h_carried; /* [rows, H], views of the carried state */
    float *c_carried;
};

/* `exact`: layer_backward will be asked for exact sums, else for plain ones. The weights must outlive the
 * layer. `h_carried` and `c_carried` (NULL for cells without c) are [rows, H] of the caller's. */
MUST_CHECK enum status layer_create(struct layer *layer, const struct cell_ops *cell,
                                    const struct packed_layer *weights, bool reverse, size_t rows,
                                    size_t steps, bool exact, float *h_carried, float *c_carried,
                                    struct error *error);
void layer_free(struct layer *layer);

/* Floats that it holds. */
size_t layer_floats(const struct layer *layer);

/* Runs `steps` steps, at most those of layer_create, from the carried state, which goes on. */
void layer_forward(struct layer *layer, const struct layer_input *input, size_t steps,
                   struct phase_times *times);

/* H after each step of the last layer_forward, [steps, rows, H]. A view. */
const float *layer_output(const struct layer *layer);

/* Back-propagation through the time of the last layer_forward over all T steps, to the carried state and not
 * beyond. `dh`: [T, rows, H], the gradient of H from above, is used up. Gradients are written, but for rows
 * of tokens and, if asked, that of x, which are added to. `listener` (NULL: none) hears after every step that
 * this goes on. */
void layer_backward(struct layer *layer, float *dh, const struct layer_input *input,
                    const struct layer_gradients *gradients, const struct gradients_listener *listener,
                    struct phase_times *times);

#endif
