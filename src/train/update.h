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

_Static_assert(sizeof(struct totals) % sizeof(double) == 0, "struct totals is summed as doubles");
enum { TOTALS_COUNT = sizeof(struct totals) / sizeof(double) };

struct update_spec {
    struct model_spec model;
    size_t rows;       /* of this rank */
    size_t batch_size; /* of all ranks */
    size_t num_steps;
    struct optimizer optimizer;
    double clip_norm; /* 0: off */
    bool rank_invariant;
};

struct update;

/* Sums of gradients over all ranks: those of some ranges, the number at place p is data[p - first]. */
struct gradient_parts {
    struct reduction_parts parts;
    const float *data;
    size_t first;
};

/* How gradients are made and summed over all ranks: plainly (update_plain.c), or so that the numbers of
 * a run do not depend on the ranks (update_invariant.c). */
struct update_way {
    /* For batches of up to `most_rows` different tokens. Collective. */
    enum status (*create)(struct update *update, size_t most_rows, struct error *error);
    void (*free)(struct update *update);
    size_t (*rank_bytes)(const struct update *update);

    /* This rank's gradient of the mean loss over the global batch, and in `totals` the losses of its rows. */
    void (*gradients)(struct update *update, const struct batch *batch, struct totals *totals);

    /* The first `count` gradients become sums over all ranks. This rank gets some, views until the next
     * update; the totals become those of all ranks. Collective. */
    enum status (*exchange)(struct update *update, size_t count, struct totals *totals,
                            struct gradient_parts *sums, struct error *error);
};

extern const struct update_way update_plain;
extern const struct update_way update_invariant;

struct update {
    struct update_spec spec;
    struct parameters parameters;
    const struct comm *comm;
    struct comm_shared *shared_weights;
    struct comm_shared *shared_packed;
    struct comm_shared *shared_states;   /* NULL: the optimizer has none */
    float *weights;                      /* [parameters.size], one copy a node */
    float *states[OPTIMIZER_MAX_STATES]; /* of the optimizer, each as the weights */
    uint64_t optimizer_updates;          /* since its states were zero */
    struct packed_weights packed;        /* one copy a node */
    struct model *model;
    struct touched_rows touched;
    const struct update_way *way;
    struct reduction *gradients; /* of dense_size + touched rows · row_size floats; NULL in the other way */
    struct invariant *invariant; /* NULL in the plain way */
    uint64_t number;             /* updates made since the start of the run */
    double grad_norm;            /* of the last update, before clipping */
    double compute_seconds;      /* of this rank, in all updates so far */
    double wait_seconds;         /* spent in the exchange, waiting included */
};

/* Allocates all that updates need. The weights and the optimizer's states are zero: fill them, on each node
 * every rank its part, and call update_load_weights. Collective. */
MUST_CHECK enum status update_create(struct update *update, const struct comm *comm,
                                     const struct update_spec *spec, struct error *error);
void update_free(struct update *update);

/* Bytes that the ranks of a node hold once, of weights and of the optimizer's states, and those that each
 * rank adds. */
size_t update_node_bytes(const struct update *update);
size_t update_state_bytes(const struct update *update);
size_t update_rank_bytes(const struct update *update);

/* After the weights were written from outside. Collective. */
MUST_CHECK enum status update_load_weights(struct update *update, struct error *error);

/* Gradients of this rank's rows, summed over all ranks, clipped by their global norm, and new weights. Takes
 * the totals of this rank without the loss, and gives those of all ranks. Where the loss or the norm is not
 * finite the weights stay as they are: update_is_finite tells, alike on every rank. Fails only where
 * communication does. Collective. */
MUST_CHECK enum status update_run(struct update *update, const struct batch *batch, double rate,
                                  struct totals *totals, struct error *error);

/* The batch as the model takes it. */
struct model_batch update_model_batch(const struct update *update, const struct batch *batch);

/* What makes the mean over the global batch of a sum of cross-entropies. */
float update_loss_scale(const struct update *update);

bool update_is_finite(const struct update *update, const struct totals *totals);

#endif
