#ifndef LSTM_MPI_DIST_LANE_H
#define LSTM_MPI_DIST_LANE_H

/* Sums between nodes. The ranks with the same node_rank form a lane, one rank of each node; each has its own
 * values, and in the end all have the sums.
 *
 * The values are cut into blocks, and a block into shares, one for each rank of the lane. Its owner gets a
 * share from all others, adds it up, and gives the sum to all others. What a rank sends is thus
 * 2 · (nodes - 1) / nodes of the values: the least that will do, less what zero_blocks.h leaves out.
 *
 *     round:      d = 1 … nodes - 1, for each: something to rank + d, something from rank - d
 *     schedule:   collect 0 | … | collect a | give 0 | collect a + 1 | give 1 | … | give last
 *
 * where a is the less the more nodes there are. Up to 64 rounds are under way at a time, and they end in
 * order. So a share is added up in an order that depends on nothing but the rank of its owner: the same bits
 * whatever the network does.
 *
 * Why not MPI_Allreduce: for long messages Open MPI's choice takes 1.7 times what the bytes need, because it
 * sends them in one piece; and MPI_Iallreduce, beside which a rank could go on computing, 3.4 times. */

#include "lstm_mpi/dist/comm.h"

#include <stdbool.h>

struct lane;

/* The caller owns: lane_destroy. Not collective. */
MUST_CHECK enum status lane_create(struct lane **out, const struct comm *comm, struct error *error);
void lane_destroy(struct lane *lane);

/* Bytes that it holds. */
size_t lane_bytes(void);

/* Begins to sum values[count], which then belong to the lane until lane_continue is done. Not while another
 * sum is under way. To be called by all ranks of the lane with the same count. */
void lane_begin(struct lane *lane, float *values, size_t count);

/* Goes on with the sum, as far as it comes without waiting, or with `wait` to the end. */
MUST_CHECK enum status lane_continue(struct lane *lane, bool wait, bool *done, struct error *error);

#endif
