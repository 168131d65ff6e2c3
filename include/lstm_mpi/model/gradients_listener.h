#ifndef LSTM_MPI_MODEL_GRADIENTS_LISTENER_H
#define LSTM_MPI_MODEL_GRADIENTS_LISTENER_H

/* Told how far the gradients are while they are computed: what is final can be sent away meanwhile. */

#include "lstm_mpi/base/partition.h"

struct gradients_listener {
    /* These gradients are final. Every one of the dense part is in exactly one range; the ranges begin and
     * end where tensors do, and come in an order that depends on nothing but the network's shape. */
    void (*final)(void *context, struct range range);
    /* Called often, a fraction of a millisecond apart where that is possible. */
    void (*still_computing)(void *context);
    void *context;
};

#endif
