#ifndef LSTM_MPI_DIST_REDUCTION_H
#define LSTM_MPI_DIST_REDUCTION_H

/* Sums of long float32 buffers over all workers, range by range and in place: of each range every worker of a
 * node sums one part over the buffers of its node, which all of them see, and the same parts of all nodes are
 * then summed between the nodes. Nobody gets the whole: each rank goes on with its parts.
 *
 *     node 0  worker 0 | worker 1         node 1  worker 2 | worker 3
 *              part 0  | part 1                    part 0  | part 1
 *                 \________|_______ sum __________/        |
 *                          \__________ sum ______________/
 *
 * A range can be summed while this rank still computes the others: reduction_begin as soon as it is final,
 * reduction_continue now and then, reduction_finish at the end. The sums are taken in an order that depends
 * on nothing but the ranks, so their bits are the same whenever those are. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/comm.h"

struct reduction;

/* For buffers of up to `capacity` floats, in up to `most_ranges` ranges. The caller owns:
 * reduction_destroy. Collective. */
MUST_CHECK enum status reduction_create(struct reduction **out, const struct comm *comm, size_t capacity,
                                        size_t most_ranges, struct error *error);
void reduction_destroy(struct reduction *reduction);

/* Bytes that this rank holds: its buffer, and what the messages lie in. */
size_t reduction_bytes(const struct reduction *reduction);

/* This worker's buffer, [capacity], aligned to MEMORY_ALIGNMENT; a view, and NULL for a rank that is no
 * worker: it begins no ranges. Others read a range of it from reduction_begin on, until the first
 * comm_workers_node_barrier after reduction_finish. */
float *reduction_buffer(struct reduction *reduction);

/* A range of this worker's buffer is final and will be summed. All workers give the same ranges in the same
 * order, disjoint, each beginning where a cache line does. */
void reduction_begin(struct reduction *reduction, struct range range);

/* Goes on with what was begun, as far as it comes without waiting. Not collective: as often as one likes. */
void reduction_continue(struct reduction *reduction);

/* The parts that this rank has the sums of, one of each range, empty beyond the workers of the smallest node:
 * they are at the same places in its own buffer. */
struct reduction_parts {
    const struct range *ranges;
    size_t count;
};

/* Waits until all that was begun is summed. `parts` is a view, valid until the next reduction_begin. Fails
 * where reduction_begin or reduction_continue did. Collective. */
MUST_CHECK enum status reduction_finish(struct reduction *reduction, struct reduction_parts *parts,
                                        struct error *error);

#endif
