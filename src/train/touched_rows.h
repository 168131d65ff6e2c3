#ifndef LSTM_MPI_TRAIN_TOUCHED_ROWS_H
#define LSTM_MPI_TRAIN_TOUCHED_ROWS_H

/* Which tokens occur as inputs anywhere in the global batch. Only their rows of W_x have a gradient, so only
 * those are summed, counted in the norm, and updated: the same numbers as with all rows, for less. Their
 * gradients lie densely behind the dense part of the gradient buffer, in the order of the tokens. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/comm.h"

struct touched_rows {
    uint32_t *tokens; /* [count], rising */
    size_t count;
    uint32_t *row_of_input; /* [inputs]: the place in `tokens` of each of this worker's inputs */
    size_t vocabulary;
    size_t inputs;
    uint64_t *bitmap; /* [V / 64]: the tokens of the last batch */
    /* The words of the bitmap that are not 0. */
    uint64_t *used_bitmap;   /* [V / 4096]: which they are */
    uint32_t *used;          /* [V / 64]: their places in the bitmap */
    uint64_t *words;         /* [V / 64]: what they are */
    uint32_t *place_of_word; /* [V / 64], by place in the bitmap: where in `tokens` its first token is */
};

/* For batches of `inputs` inputs of this rank, `all_inputs` of all ranks. */
MUST_CHECK enum status touched_rows_create(struct touched_rows *touched, size_t vocabulary, size_t inputs,
                                           size_t all_inputs, struct error *error);
void touched_rows_free(struct touched_rows *touched);

/* Finds the tokens of the next update; the same on every worker. Collective among them. */
MUST_CHECK enum status touched_rows_find(struct touched_rows *touched, const struct comm *comm,
                                         const uint32_t *inputs, struct error *error);

/* The rows of the touched tokens, one after the other, hold some of the numbers `part` of the table of all
 * rows: the range of these in them. */
struct range touched_rows_within(const struct touched_rows *touched, size_t row_size, struct range part);

/* Lets the processor fetch the row of the token at this place, if there is one, from the table of all rows.
 * They lie anywhere in it, so nothing else can foresee which one comes next. */
void touched_rows_prefetch(const struct touched_rows *touched, size_t place, const float *table,
                           size_t row_size);

#endif
