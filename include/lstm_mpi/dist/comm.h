#ifndef LSTM_MPI_DIST_COMM_H
#define LSTM_MPI_DIST_COMM_H

/* The ranks of this run. Every collective function must be called by all of them, in the same order. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/base/partition.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MPI's handles, for rooms that hand one to a library: lstm_mpi/dist/comm_handle.h. */
struct comm_handles;

/* Workers are the ranks that own rows of the batch: the first ranks of each node, as many as it has CPUs.
 * More would only take turns, each with fewer rows, and products of few rows are slow. The others take part
 * in all that is not done by rows. */
struct comm {
    int rank;
    int size;
    int node_rank; /* rank among those that share memory with this one */
    int node_size;
    int nodes;
    int worker; /* this rank's number among the workers, in the order of ranks; -1: it is none */
    int workers;
    int node_workers;       /* those of this node */
    int least_node_workers; /* those of the node that has the fewest */
    bool on_first_node;     /* shares memory with rank 0 */
    struct comm_handles *handles;
};

static inline bool comm_is_worker(const struct comm *comm)
{
    return comm->worker >= 0;
}

/* A run of a single rank, for what needs no MPI. */
extern const struct comm comm_alone;

/* Fails where a variable of the environment that comm_start looks at makes no sense: it would be passed over.
 * Not collective. */
MUST_CHECK enum status comm_check_environment(struct error *error);

/* Starts MPI and fills `comm`. Before MPI starts, where this host has more ranks than CPUs it asks Open MPI
 * to yield the CPU while waiting (unless the user chose otherwise). Signals stay as MPI leaves them. After a
 * failure `comm` is good for comm_finish and comm_abort only. Collective. */
MUST_CHECK enum status comm_start(struct comm *comm, struct error *error);

/* Frees the handles and ends MPI, if it was started. Collective; after an error that not every rank knows of,
 * comm_abort. */
void comm_finish(struct comm *comm);

/* The last resort, where a collective broke half-way: ends all ranks with this exit status. */
_Noreturn void comm_abort(const struct comm *comm, enum status status);

/* Copies `bytes` bytes of rank `root` to all. Collective; any length. */
MUST_CHECK enum status comm_broadcast(const struct comm *comm, void *buffer, size_t bytes, int root,
                                      struct error *error);

/* Element-wise sums, bitwise ors and maxima over all ranks, in place; the same bits on every rank.
 * Collective; any length. */
MUST_CHECK enum status comm_sum_f32(const struct comm *comm, float *values, size_t count,
                                    struct error *error);
MUST_CHECK enum status comm_sum_f64(const struct comm *comm, double *values, size_t count,
                                    struct error *error);
MUST_CHECK enum status comm_sum_u64(const struct comm *comm, uint64_t *values, size_t count,
                                    struct error *error);
MUST_CHECK enum status comm_or_u64(const struct comm *comm, uint64_t *values, size_t count,
                                   struct error *error);
MUST_CHECK enum status comm_max_f64(const struct comm *comm, double *values, size_t count,
                                    struct error *error);

/* Puts `bytes` bytes of every rank behind each other in `all` (size · bytes), on every rank. Collective. */
MUST_CHECK enum status comm_gather(const struct comm *comm, const void *mine, size_t bytes, void *all,
                                   struct error *error);

/* Waits for all ranks. Collective. */
MUST_CHECK enum status comm_barrier(const struct comm *comm, struct error *error);

/* Waits for all ranks of this node; what they wrote to memory that they share is seen by all of them
 * afterwards. Collective among them. */
MUST_CHECK enum status comm_node_barrier(const struct comm *comm, struct error *error);

/* The rows of a batch of `batch_size` that this rank owns: consecutive ones, dealt out over the workers in
 * their order; none for a rank that is no worker. */
struct range comm_rows(const struct comm *comm, size_t batch_size);

/* Ranks that are no workers sleep here until all workers of their node have come here; workers go on at once.
 * Called before a collective function that ends work on rows: to wait in MPI would take CPUs from the
 * workers. Collective among the ranks of the node. */
void comm_rest(const struct comm *comm);

/* comm_node_barrier, comm_sum_f64 and so on of workers alone. Collective among them; other ranks go on at
 * once.
 */
MUST_CHECK enum status comm_workers_node_barrier(const struct comm *comm, struct error *error);
MUST_CHECK enum status comm_workers_sum_f64(const struct comm *comm, double *values, size_t count,
                                            struct error *error);
MUST_CHECK enum status comm_workers_or_u64(const struct comm *comm, uint64_t *values, size_t count,
                                           struct error *error);
MUST_CHECK enum status comm_workers_max_f64(const struct comm *comm, double *values, size_t count,
                                            struct error *error);

/* What MPI library this is, "Open MPI v4.1.4". Not collective. */
enum { COMM_LIBRARY_BYTES = 64 };
void comm_library(char text[COMM_LIBRARY_BYTES]);

/* The name of this host, empty if it has none. Not collective. */
enum { COMM_HOST_BYTES = 256 };
void comm_host_name(char name[COMM_HOST_BYTES]);

#endif
