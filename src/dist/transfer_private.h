#ifndef LSTM_MPI_DIST_TRANSFER_PRIVATE_H
#define LSTM_MPI_DIST_TRANSFER_PRIVATE_H

#include "lstm_mpi/dist/transfer.h"

/* transfer_round in pieces of any size. */
MUST_CHECK enum status transfer_round_pieces(const struct comm *comm, int distance, const void *mine,
                                             size_t bytes, unsigned char **theirs, size_t *theirs_bytes,
                                             size_t piece, struct error *error);

#endif
