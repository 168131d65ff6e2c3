#ifndef LSTM_MPI_DIST_COMM_SHARED_H
#define LSTM_MPI_DIST_COMM_SHARED_H

#include "lstm_mpi/dist/comm.h"

/* Memory that all ranks of a node see: the same bytes for all of them, at an address of each rank's own.
 * The ranks write it in turns, or each its part, with comm_node_barrier between. */
struct comm_shared;

/* Allocates `bytes` zeroed bytes on every node, aligned to MEMORY_ALIGNMENT. `*memory` is a view, valid until
 * comm_shared_free. The pages of a rank's part (partition_range of them over the node's ranks) are near
 * that rank's CPU. Fails on every rank if one node is short of memory. Collective. */
MUST_CHECK enum status comm_shared_allocate(struct comm_shared **shared, void **memory,
                                            const struct comm *comm, size_t bytes, struct error *error);

/* Gives a rank's view of the memory back; the last one frees it. NULL is fine. */
void comm_shared_free(struct comm_shared *shared);

#endif
