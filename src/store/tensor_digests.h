#ifndef LSTM_MPI_STORE_TENSOR_DIGESTS_H
#define LSTM_MPI_STORE_TENSOR_DIGESTS_H

/* Private to this room: the digests of all blocks of tensors whose parts lie on several ranks. */

#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/snapshot.h"

struct tensor_digests {
    uint64_t *values; /* those of the first tensor, then those of the second, … */
    size_t count;
};

/* Computes them from memory, the ranks sharing the work; every rank has all of them afterwards. Collective.
 */
MUST_CHECK enum status tensor_digests_compute(struct tensor_digests *digests, const struct comm *comm,
                                              const struct snapshot *snapshot, struct error *error);

void tensor_digests_free(struct tensor_digests *digests);

#endif
