#ifndef LSTM_MPI_DIST_ZERO_BLOCKS_H
#define LSTM_MPI_DIST_ZERO_BLOCKS_H

/* Floats as a message from which blocks of zeros are left out. A node has no gradient for the rows of tokens
 * that only other nodes saw, so it need not send them:
 *
 *     | a bit for each block: is it sent? | the blocks that are sent, one after the other |
 *
 * A block is left out where all its bits are zero (+0.0), so the sums are those of the whole to the bit. */

#include <stddef.h>

/* The longest message of `count` floats, in bytes: a multiple of 8. */
size_t zero_blocks_most_bytes(size_t count);

/* Writes the message of values[count], aligned to 8 bytes; returns its length in bytes. */
size_t zero_blocks_pack(void *message, const float *values, size_t count);

/* Adds what the message of `count` floats holds to sums[count]. */
void zero_blocks_add(float *sums, const void *message, size_t count);

#endif
