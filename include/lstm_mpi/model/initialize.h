#ifndef LSTM_MPI_MODEL_INITIALIZE_H
#define LSTM_MPI_MODEL_INITIALIZE_H

/* Weights to begin with. The number at (seed, tensor, index) is always the same. Part `part` of `parts` of
 * every tensor is written; what lies between the tensors stays as it is. */

#include "lstm_mpi/model/parameters.h"

#include <stdint.h>

/* Weights from N(0, 0.01²), biases 0. */
void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                       size_t parts);

/* As PyTorch's modules: all of a cell from U(-1/√H, 1/√H), all of the output layer from U(-1/√in, 1/√in)
 * with the width `in` of what goes into it, the embedding from N(0, 1). */
void initialize_uniform(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                        size_t parts);

#endif
