#ifndef LSTM_MPI_TRAIN_EVALUATE_NETWORK_H
#define LSTM_MPI_TRAIN_EVALUATE_NETWORK_H

#include "lstm_mpi/model/model.h"
#include "lstm_mpi/train/evaluate.h"

/* A network that only reads: its weights, packed, stay as they are. */
struct evaluate_network {
    struct packed_weights packed;
    float *memory;
    struct model *model;
};

/* For `rows` rows. The caller owns what it holds, after a failure too: evaluate_network_free. */
MUST_CHECK enum status evaluate_network_create(struct evaluate_network *network,
                                               const struct evaluate_spec *spec, size_t rows,
                                               struct error *error);
void evaluate_network_free(struct evaluate_network *network);

#endif
