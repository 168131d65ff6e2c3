#ifndef LSTM_MPI_TEXT_BATCHES_PRIVATE_H
#define LSTM_MPI_TEXT_BATCHES_PRIVATE_H

#include "lstm_mpi/text/batches.h"

/* The number of the subsequence at a place of this epoch's order, with random sampling. */
size_t batches_shuffled(const struct batches *batches, size_t place);

#endif
