#ifndef LSTM_MPI_MODEL_OUTPUT_H
#define LSTM_MPI_MODEL_OUTPUT_H

/* The output layer: logits = H·W + b, their softmax and the cross-entropy. */

#include "lstm_mpi/linalg/softmax.h"
#include "lstm_mpi/model/packed_weights.h"
#include "lstm_mpi/model/phase.h"

#include <stdint.h>

/* Of the logits of a slab. */
enum { OUTPUT_SLAB_BYTES = 20 << 20 };

struct output_gradients {
    float *W; /* [H, V]; tied to the embedding: [V, H] */
    float *b;
};

/* H is here all that comes from below: of both directions, where there are two. There is a row for each
 * position, a step of a row of the batch; they are worked through in parts of three sizes:
 *
 *     all rows   |                                T · rows                               |
 *     slab       |                       |                       |                       |
 *     block      |           |           |           |           |           |           |
 *     piece      |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |  |
 *
 * The logits of one slab at a time are all held. A block goes through W together, and a piece through the
 * transposed W. Where panels are views, a block is the whole slab, and there are no pieces. */
struct output {
    size_t hidden;
    size_t vocabulary;
    size_t slab_rows;
    size_t block_rows;
    size_t piece_rows;
    size_t piece_columns;                 /* of the vocabulary, that a piece has at a time */
    const struct packed_weights *weights; /* a view */
    struct panels h_rows;
    struct panels h_columns; /* of output_loss alone */
    float *logits;           /* [slab_rows, V], where panels are views */
    /* Else: */
    struct panels logit_columns;
    struct panels logit_piece;
    struct softmax softmax;
    float *factors; /* [slab_rows] */
    float *tied_dW; /* [H, V]: what output_loss makes the gradient of the embedding of; NULL: not tied */
};

/* For any number of rows up to `rows` at once. Gradients are those of output_rows_loss, of up to
 * `rows_at_once` rows, or where that is 0 those of output_loss. The weights must outlive the layer. */
MUST_CHECK enum status output_create(struct output *output, const struct packed_weights *weights, size_t rows,
                                     size_t rows_at_once, struct error *error);
void output_free(struct output *output);

/* Floats that it holds. */
size_t output_floats(const struct output *output);

/* Returns the sum of the cross-entropies of `rows` rows of h against `targets`. Of scale · that sum it
 * writes the gradients of W and b, and into `dh` that of h. */
double output_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows, float scale,
                   float *dh, const struct output_gradients *gradients, struct phase_times *times);

/* All of it but the gradient of W, for at most `rows_at_once` rows: returns the loss, writes the gradient of
 * h, adds that of b, and packs that of the logits as the right operand [rows, V] into `logit_columns`. */
double output_rows_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                        float scale, float *dh, float *b_gradient, struct panels *logit_columns,
                        struct phase_times *times);

/* logits: [rows, V], with the bias. */
void output_logits(struct output *output, const float *h, size_t rows, float *logits);

/* The cross-entropy of each of `rows` rows of h against its target: losses [rows]. */
void output_row_losses(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                       double *losses, struct phase_times *times);

#endif
