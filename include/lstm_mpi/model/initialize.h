#ifndef LSTM_MPI_MODEL_INITIALIZE_H
#define LSTM_MPI_MODEL_INITIALIZE_H

#include "lstm_mpi/model/parameters.h"

#include <stdint.h>

/* Weights from N(0, 0.01²), biases 0. The number at (seed, tensor, index) is the same on every rank. */
void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed);

#endif
