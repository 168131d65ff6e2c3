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

/* Bytes that a worker holds for it. */
size_t exact_reduction_bytes(const struct exact_reduction *reduction);

/* This worker's buffer, [capacity], aligned to MEMORY_ALIGNMENT; a view, and NULL for a rank that is no
 * worker. Others read it in exact_reduction_sum.
 */
double *exact_reduction_buffer(struct exact_reduction *reduction);

/* Sums the first `count` numbers of all buffers, which are used up. `part` is what this rank gets the sums
 * of, empty beyond the workers of the smallest node, and `sums` is where they are, [part.count]: a view,
 * valid until the next call. The workers of a node may write their buffers again after the next
 * comm_workers_node_barrier. Collective. */
MUST_CHECK enum status exact_reduction_sum(struct exact_reduction *reduction, size_t count,
                                           struct range *part, const float **sums, struct error *error);

#endif
