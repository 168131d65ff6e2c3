#ifndef LSTM_MPI_MODEL_INITIALIZE_H
#define LSTM_MPI_MODEL_INITIALIZE_H

#include "lstm_mpi/model/parameters.h"

#include <stdint.h>

/* Weights from N(0, 0.01²), biases 0; what lies between the tensors stays as it is. The number at (seed,
 * tensor, index) is always the same. Writes part `part` of `parts` of every tensor. */
void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                       size_t parts);

#endif
