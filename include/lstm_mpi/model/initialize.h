#ifndef LSTM_MPI_MODEL_INITIALIZE_H
#define LSTM_MPI_MODEL_INITIALIZE_H

/* Weights to begin with. The number at (seed, tensor, index) is always the same. Part `part` of `parts` of
 * every tensor is written; what lies between the tensors stays as it is. */

#include "lstm_mpi/model/parameters.h"

#include <stdint.h>

typedef void initializer(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                         size_t parts);

/* Weights from N(0, 0.01²), biases 0. */
initializer initialize_normal;

/* As PyTorch's modules: all of a cell from U(-1/√H, 1/√H), all of the output layer from U(-1/√in, 1/√in)
 * with the width `in` of what goes into it, the embedding from N(0, 1). */
initializer initialize_uniform;

/* All of them, the default first, and their names as in --init NAME with a NULL behind the last. */
extern initializer *const initializers[];
extern const char *const initializer_names[];

#endif
