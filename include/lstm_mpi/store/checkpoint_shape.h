#ifndef LSTM_MPI_STORE_CHECKPOINT_SHAPE_H
#define LSTM_MPI_STORE_CHECKPOINT_SHAPE_H

#include "lstm_mpi/store/checkpoint.h"

/* What the tensors of /model say of the network: files of other programs have no settings that would. A
 * number is 0 where the tensor that would say it is missing or has fewer dimensions. */
struct checkpoint_shape {
    size_t hidden;
    size_t gates;      /* of a cell: how many times as wide as the state layer 0 makes its sums */
    size_t layers;     /* from layer 0 on */
    size_t vocabulary; /* that is predicted */
    size_t embedding;  /* its size */
    bool bidirectional;
    bool double_bias;
    bool tied; /* the output layer has no weights of its own */
};

/* Not collective. */
struct checkpoint_shape checkpoint_shape_of(const struct checkpoint *checkpoint);

#endif
