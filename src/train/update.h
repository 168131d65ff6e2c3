#ifndef LSTM_MPI_TRAIN_UPDATE_H
#define LSTM_MPI_TRAIN_UPDATE_H

/* One update: from a batch to new weights, the same on every rank. */

#include "lstm_mpi/dist/comm_shared.h"
#include "lstm_mpi/dist/reduction.h"
#include "lstm_mpi/model/model.h"
#include "lstm_mpi/optim/optimizer.h"
#include "lstm_mpi/text/batches.h"
#include "touched_rows.h"

#include <stdbool.h>

/* Numbers that ride along with the gradients: each rank says its own, all get the sums. */
struct totals {
    double loss;           /* sum of the cross-entropies */
    double squared_norm;   /* of the gradients, each part of them said once */
    double signals;        /* ranks that were asked to stop */
    double time_is_up;     /* rank 0's clock says so */
    double checkpoint_due; /* rank 0's clock says so */
};

struct update_spec {
    struct model_spec model;
    size_t rows;       /* of this rank */
    size_t batch_size; /* of all ranks */
    size_t num_steps;
    const struct optimizer_ops *optimizer;
    double clip_norm; /* 0: off */
};

struct update {
    struct update_spec spec;
    struct parameters parameters;
    const struct comm *comm;
    struct comm_shared *shared_weights;
    struct comm_shared *shared_packed;
    float *weights;               /* [parameters.size], one copy a node */
    struct packed_weights packed; /* one copy a node */
    struct model *model;
    struct touched_rows touched;
    struct reduction *gradients; /* of dense_size + touched rows · row_size floats */
    uint64_t number;             /* updates made since the start of the run */
    double grad_norm;            /* of the last update, before clipping */
    double compute_seconds;      /* of this rank, in all updates so far */
    double wait_seconds;         /* spent in the exchange, waiting included */
};

/* Allocates all that updates need. The weights are zero: fill them, on each node every rank its part, and
 * call update_load_weights. Collective. */
MUST_CHECK enum status update_create(struct update *update, const struct comm *comm,
                                     const struct update_spec *spec, struct error *error);
void update_free(struct update *update);

/* Bytes that the ranks of a node hold once, and those that each rank adds. */
size_t update_node_bytes(const struct update *update);
size_t update_rank_bytes(const struct update *update);

/* After the weights were written from outside. Collective. */
MUST_CHECK enum status update_load_weights(struct update *update, struct error *error);

/* Gradients of this rank's rows, summed over all ranks, clipped by their global norm, and new weights. Takes
 * the totals of this rank without the loss, and gives those of all ranks. Where the loss or the norm is not
 * finite the weights stay as they are: update_is_finite tells, alike on every rank. Fails only where
 * communication does. Collective. */
MUST_CHECK enum status update_run(struct update *update, const struct batch *batch, double rate,
                                  struct totals *totals, struct error *error);

bool update_is_finite(const struct update *update, const struct totals *totals);

#endif
