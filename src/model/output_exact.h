#ifndef LSTM_MPI_MODEL_OUTPUT_EXACT_H
#define LSTM_MPI_MODEL_OUTPUT_EXACT_H

/* The output layer with exact sums: what output_loss does, one row of the batch after the other. The
 * gradients of the logits of some rows are held at once, since the sums of W's gradient are read and written
 * once for them. */

#include "gradient_sums.h"
#include "output.h"

struct output_exact {
    struct output *output; /* a view */
    size_t rows;
    size_t steps;
    size_t slab_rows;                 /* of the batch, whose gradients of the logits are held at once */
    struct position_panels h_columns; /* for each row of a slab, and so the next */
    struct position_panels logit_columns;
    float *h;          /* [steps, H], of one row, and so are these */
    float *dh;         /* [steps, H] */
    uint32_t *targets; /* [steps] */
    float *b_gradient; /* [V] */
};

/* On top of an output layer for `steps` rows, which must outlive it. */
MUST_CHECK enum status output_exact_create(struct output_exact *exact, struct output *output, size_t rows,
                                           size_t steps, struct error *error);
void output_exact_free(struct output_exact *exact);

/* Floats that it holds. */
size_t output_exact_floats(const struct output_exact *exact);

/* `h`, `targets` and `dh` are of all positions, [steps, rows, …]. Leaves the loss of each row in the sums'
 * row_losses, the gradients of W and b at their offsets, and in `dh` that of h. */
void output_exact_loss(struct output_exact *exact, const float *h, const uint32_t *targets, float scale,
                       float *dh, const struct gradient_sums *sums, size_t W, size_t b,
                       struct phase_times *times);

#endif
