#ifndef LSTM_MPI_MODEL_DROPOUT_H
#define LSTM_MPI_MODEL_DROPOUT_H

/* Inverted dropout (Srivastava et al. 2014, as torch.nn.Dropout has it): in training each number becomes 0
 * with chance p, else it is divided by 1 - p, so that nothing is to be done when the model is used. */

#include <stddef.h>
#include <stdint.h>

/* Where a mask lies. The same address has the same mask, whatever rank works on the row. */
struct dropout_address {
    uint64_t seed;
    uint64_t update;  /* since the start of the run */
    size_t layer;     /* the numbers above it are masked */
    size_t first_row; /* of the global batch */
};

/* mask: [steps, rows, width], each number 0 or 1/(1 - p). */
void dropout_mask(float *mask, const struct dropout_address *address, double p, size_t steps, size_t rows,
                  size_t width);

#endif
