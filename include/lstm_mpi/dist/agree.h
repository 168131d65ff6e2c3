#ifndef LSTM_MPI_DIST_AGREE_H
#define LSTM_MPI_DIST_AGREE_H

#include "lstm_mpi/dist/comm.h"

/* One rank's error becomes everyone's: afterwards every rank returns the same status, and where that is not
 * STATUS_OK holds the error of the lowest failing rank. Call it after any stretch of local work that can
 * fail and before the next collective; a rank that failed goes straight here. Collective, but for a rank
 * whose error says that it broke communication: it gets that error back without meeting the others, and has
 * to leave by comm_abort. */
MUST_CHECK enum status agree_on_status(const struct comm *comm, enum status status, struct error *error);

/* Fails on every rank, naming `what` and the first rank that differs from rank 0, unless all hold the same
 * digest. Collective. */
MUST_CHECK enum status agree_same(const struct comm *comm, uint64_t digest, const char *what,
                                  struct error *error);

#endif
