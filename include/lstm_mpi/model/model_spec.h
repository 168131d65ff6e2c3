#ifndef LSTM_MPI_MODEL_MODEL_SPEC_H
#define LSTM_MPI_MODEL_MODEL_SPEC_H

#include <stddef.h>

struct cell_ops;

/* The shape of the network. */
struct model_spec {
    size_t vocabulary_size;
    size_t hidden_size;
    const struct cell_ops *cell;
};

#endif
