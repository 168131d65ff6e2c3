#ifndef LSTM_MPI_TRAIN_GRADIENT_CHECK_H
#define LSTM_MPI_TRAIN_GRADIENT_CHECK_H

/* The gradients of an update against central differences of its loss. */

#include "lstm_mpi/train/check.h"
#include "random_batch.h"
#include "update.h"

struct gradient_check {
    struct update *update;
    const struct random_batch *batch;
    const float *weights;     /* those that the update has now, a copy */
    const float *gradients;   /* [parameters.size] */
    double noise;             /* of the mean loss: its standard deviation */
    double *losses;           /* [T, rows] */
    float *direction;         /* a row of it */
    size_t random_directions; /* of each gate */
    uint64_t stream;          /* of the next random direction */
};

/* Makes the gradients. The update must have SGD with momentum, which keeps them. The caller owns what the
 * check holds, after a failure too: gradient_check_free. Collective. */
MUST_CHECK enum status gradient_check_create(struct gradient_check *check, struct update *update,
                                             const struct random_batch *batch, const float *weights,
                                             struct error *error);
void gradient_check_free(struct gradient_check *check);

/* What is known of a tensor. */
struct gradient_finding {
    struct check_tensor tensor;
    bool wrong;
    uint64_t blocks_told; /* bits by gate; of a tensor without gates the first */
    bool left_open;       /* some directions told nothing, or none was tried */
};

/* Looks at a tensor of the table and adds to what is known; the same on every rank. Collective. */
MUST_CHECK enum status gradient_check_tensor(struct gradient_check *check, size_t number,
                                             struct gradient_finding *finding, struct error *error);

#endif
