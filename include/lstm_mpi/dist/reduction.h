#ifndef LSTM_MPI_DIST_REDUCTION_H
#define LSTM_MPI_DIST_REDUCTION_H

/* Sums of long float32 buffers over all ranks, part by part and in place: every rank of a node sums one part
 * over the buffers of its node, which all of them see, and the same parts of all nodes are then summed
 * between the nodes. Nobody gets the whole: each rank goes on with its part.
 *
 *     node 0   rank 0 | rank 1            node 1   rank 2 | rank 3
 *              part 0 | part 1                     part 0 | part 1
 *                 \________|_______ sum __________/        |
 *                          \__________ sum ______________/
 *
 * The sums are taken in the order of the ranks, so their bits are the same whenever the ranks are. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/comm.h"

struct reduction;

/* For buffers of up to `capacity` floats. The caller owns: reduction_destroy. Collective. */
MUST_CHECK enum status reduction_create(struct reduction **out, const struct comm *comm, size_t capacity,
                                        struct error *error);
void reduction_destroy(struct reduction *reduction);

/* Floats of a buffer. */
size_t reduction_capacity(const struct reduction *reduction);

/* This rank's buffer, [capacity], aligned to MEMORY_ALIGNMENT; a view. Others read it in reduction_sum, and
 * after it until the next comm_node_barrier. */
float *reduction_buffer(struct reduction *reduction);

/* Sums the first `count` floats of all buffers. `part` is what this rank has the sums of, empty on ranks
 * beyond the smallest node's: they are at the same place in its own buffer. Collective. */
MUST_CHECK enum status reduction_sum(struct reduction *reduction, size_t count, struct range *part,
                                     struct error *error);

#endif
