#ifndef LSTM_MPI_DIST_COMM_PRIVATE_H
#define LSTM_MPI_DIST_COMM_PRIVATE_H

/* What the modules of this room share, and no other room sees. */

#include "lstm_mpi/dist/comm.h"

#include <mpi.h>
#include <stdatomic.h>

/* Where this rank is; written by the thread that communicates, read by that of watch.c. */
struct comm_position {
    _Atomic uint64_t steps; /* calls of watch_step and watch_go_on */
    _Atomic uint64_t at;    /* the number and the stage of the last one, as roll_position packs them */
    atomic_bool waiting;    /* in a call that waits for other ranks */
};

/* Duplicates of our own, so that no library's messages can meet ours. On all of them errors return. */
struct comm_handles {
    MPI_Comm ranks; /* all ranks of the run */
    MPI_Comm node;  /* those that share memory with this one */
    MPI_Comm lane;  /* of each node, the rank with the same node_rank */
    MPI_Comm for_libraries;
    MPI_Comm workers;
    MPI_Comm node_workers;
    struct rest *rest; /* NULL: all ranks of all nodes are workers */
    struct comm_position position;
};

/* What a call returns, of MPI mostly, that waits for other ranks; meanwhile this rank counts as waiting. */
#define COMM_WAIT(comm, call)                                         \
    __extension__({                                                   \
        atomic_bool *waiting_ = &(comm)->handles->position.waiting;   \
        atomic_store_explicit(waiting_, true, memory_order_relaxed);  \
        int code_ = (call);                                           \
        atomic_store_explicit(waiting_, false, memory_order_relaxed); \
        code_;                                                        \
    })

/* MPI counts in int, and Open MPI's reductions take a second buffer as long as the call: longer calls are
 * made in pieces of this many elements. The functions of comm.h are these with that piece. */
enum { COMM_PIECE = 1 << 26 };

/* Finds out which ranks of `comm` are workers, where this node has so many CPUs (0: not known), and makes
 * what they need; comm_forget_workers frees it. Collective. */
MUST_CHECK enum status comm_find_workers(struct comm *comm, int node_cpus, struct error *error);
void comm_forget_workers(struct comm *comm);

MUST_CHECK enum status comm_broadcast_pieces(const struct comm *comm, void *buffer, size_t bytes, int root,
                                             size_t piece, struct error *error);
MUST_CHECK enum status comm_reduce_pieces(const struct comm *comm, void *values, size_t count,
                                          MPI_Datatype type, MPI_Op operation, size_t piece,
                                          struct error *error);
/* Sums over the ranks of a lane, in place. Collective among them. */
MUST_CHECK enum status comm_sum_lane_f64(const struct comm *comm, double *values, size_t count,
                                         struct error *error);
MUST_CHECK enum status comm_gather_pieces(const struct comm *comm, const void *mine, size_t bytes, void *all,
                                          size_t piece, struct error *error);

#endif
