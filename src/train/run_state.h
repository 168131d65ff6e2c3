#ifndef LSTM_MPI_TRAIN_RUN_STATE_H
#define LSTM_MPI_TRAIN_RUN_STATE_H

/* All that a run holds, and its way into a checkpoint and out of one. */

#include "inputs.h"
#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/snapshot.h"
#include "update.h"
#include "validation.h"

enum { RUN_MAX_TENSORS = 2 * PARAMETER_MAX_COUNT * (1 + OPTIMIZER_MAX_STATES) + 2 };

struct run_state {
    const struct comm *comm;
    struct settings *settings;
    struct inputs inputs;
    struct update update;
    struct validation validation;
    struct batches *batches;
    struct history history;
    struct progress progress;
    struct rank_times
        *epoch_times; /* [ranks]: of the epoch under way, as the last run_state_snapshot saw it */
    struct rank_times earlier_times; /* this rank's, of the epoch under way, in earlier starts */
    double compute_at_epoch;         /* the update's compute_seconds and wait_seconds when the epoch began */
    double wait_at_epoch;
    struct tensor
        tensors[RUN_MAX_TENSORS]; /* views of weights, optimizer's states, best weights, carried state */
    size_t tensor_count;
};

/* A run at its beginning. `origin`, where not NULL, is what it begins from: with `resume` all of it is taken
 * over and must fit; else the weights and the vocabulary alone. The observer sees the corpus being read.
 * Fails alike on every rank; STATUS_STOPPED: a signal asked for it. Collective. */
MUST_CHECK enum status run_state_create(struct run_state *run, const struct comm *comm,
                                        struct settings *settings, const struct checkpoint *origin,
                                        bool resume, const struct trainer_observer *observer,
                                        struct error *error);

/* Collective among the ranks of a node. */
void run_state_free(struct run_state *run);

/* Times of this rank, of the epoch under way. */
struct rank_times run_state_epoch_times(const struct run_state *run);

/* The run as it stands, as views. Collective. */
MUST_CHECK enum status run_state_snapshot(struct run_state *run, struct snapshot *snapshot,
                                          struct error *error);

#endif
