#ifndef LSTM_MPI_OPTIM_OPTIMIZER_H
#define LSTM_MPI_OPTIM_OPTIMIZER_H

/* From gradients to new weights. An optimizer works on any piece of the flat buffers. */

#include <stddef.h>

struct optimizer_ops {
    const char *name; /* as --optimizer takes it */

    /* New weights from `factor` · gradients, at learning rate `rate`. */
    void (*update)(float *weights, const float *gradients, size_t count, double factor, double rate);
};

/* Every optimizer, the default first. */
extern const struct optimizer_ops *const optimizers[];
extern const size_t optimizer_count;

#endif
