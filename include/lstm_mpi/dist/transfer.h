#ifndef LSTM_MPI_DIST_TRANSFER_H
#define LSTM_MPI_DIST_TRANSFER_H

/* Bytes between ranks where nobody knows beforehand how many. What is received is the caller's: memory_free.
 * Want of memory on one rank is an error on all. Any length. */

#include "lstm_mpi/dist/comm.h"

/* Every rank sends `bytes` bytes to the rank `distance` above it, counted round, and gets those of the rank
 * as far below. Collective, with the same distance everywhere. */
MUST_CHECK enum status transfer_round(const struct comm *comm, int distance, const void *mine, size_t bytes,
                                      unsigned char **theirs, size_t *theirs_bytes, struct error *error);

/* Puts the bytes of all ranks, as many as each has, behind each other on every rank. Collective. */
MUST_CHECK enum status transfer_gather(const struct comm *comm, const void *mine, size_t bytes,
                                       unsigned char **all, size_t *all_bytes, struct error *error);

#endif
