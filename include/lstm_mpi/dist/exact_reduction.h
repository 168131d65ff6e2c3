#ifndef LSTM_MPI_DIST_EXACT_REDUCTION_H
#define LSTM_MPI_DIST_EXACT_REDUCTION_H

/* Sums of long buffers of doubles over all workers, part by part as in lstm_mpi/dist/reduction.h, for numbers
 * whose sums double holds exactly (lstm_mpi/linalg/exact_sum.h): whatever the ranks, their order and their
 * hosts are, the bits are the same. In the end each sum is rounded to float32, once. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/comm.h"

struct exact_reduction;

/* Parts begin at multiples of this many numbers, on any number of ranks. */
enum { EXACT_REDUCTION_BLOCK = 2048 };

/* For buffers of up to `capacity` doubles. The caller owns: exact_reduction_destroy. Collective. */
MUST_CHECK enum status exact_reduction_create(struct exact_reduction **out, const struct comm *comm,
                                              size_t capacity, struct error *error);
void exact_reduction_destroy(struct exact_reduction *reduction);

/* Bytes that this rank holds for it. */
size_t exact_reduction_bytes(const struct exact_reduction *reduction);

/* This worker's buffer, [capacity], aligned to MEMORY_ALIGNMENT; a view, and NULL for a rank that is no
 * worker. Others read it from exact_reduction_begin to the next comm_workers_node_barrier. */
double *exact_reduction_buffer(const struct exact_reduction *reduction);

/* This worker's part of the first `count` numbers, when the workers share them out; empty beyond the workers
 * of the smallest node. */
struct range exact_reduction_part(const struct exact_reduction *reduction, size_t count);

/* All buffers are filled. Collective among the workers, like what follows. */
MUST_CHECK enum status exact_reduction_begin(const struct exact_reduction *reduction, struct error *error);

/* The numbers `range` of this worker's buffer become the sums over all workers. No other one of the node
 * gives any of them; on every node, the one of the same number in it gives the same range. Collective among
 * those.
 */
MUST_CHECK enum status exact_reduction_sum(const struct exact_reduction *reduction, struct range range,
                                           struct error *error);

/* The numbers of this worker's part, rounded: [part.count], a view, valid until the next call. */
const float *exact_reduction_round(struct exact_reduction *reduction, struct range part);

#endif
