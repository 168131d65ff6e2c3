#ifndef LSTM_MPI_TRAIN_RANDOM_BATCH_H
#define LSTM_MPI_TRAIN_RANDOM_BATCH_H

/* One batch of random tokens that begins with a random carried state, so that no gradient is zero by chance.
 * What a row holds depends on its place in the global batch alone. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/model/model.h"
#include "lstm_mpi/text/batches.h"

struct random_batch {
    struct batch batch; /* views of the two below */
    uint32_t *inputs;   /* [T, rows] */
    uint32_t *targets;  /* [T, rows] */
    uint64_t seed;
};

/* For these rows of the global batch. The caller owns what it holds, after a failure too: random_batch_free.
 */
MUST_CHECK enum status random_batch_create(struct random_batch *batch, size_t vocabulary, struct range rows,
                                           size_t steps, uint64_t seed, struct error *error);
void random_batch_free(struct random_batch *batch);

/* The carried state of the model's rows becomes the one that the batch begins with. */
void random_batch_begin(const struct random_batch *batch, struct model *model);

#endif
