#ifndef LSTM_MPI_TRAIN_TOKEN_SUMS_H
#define LSTM_MPI_TRAIN_TOKEN_SUMS_H

#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/text/token_counts.h"

/* Makes of the counts that each rank has those of all ranks together, on every rank; tokens that occur less
 * than `least` times become unknown ones. Words that stay alone go to every rank. Collective. */
MUST_CHECK enum status token_sums_make(struct token_counts *counts, const struct comm *comm, uint64_t least,
                                       struct error *error);

#endif
