#ifndef LSTM_MPI_OPTIM_OPTIMIZER_H
#define LSTM_MPI_OPTIM_OPTIMIZER_H

/* From gradients to new weights, as torch.optim has it. What an optimizer remembers of earlier updates, its
 * states, lies in buffers of the weights' layout, zero at the beginning; weight, gradient and state at one
 * place of the buffers have nothing to do with any other place, so the buffers may be cut anywhere. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIMIZER_MAX_STATES = 2 };

struct optimizer_ops;

struct optimizer {
    const struct optimizer_ops *ops;
    double momentum;
    double weight_decay; /* a multiple of the weight that is added to its gradient */
};

/* What is the same for all weights of an update. */
struct optimizer_step {
    double rate;     /* learning rate */
    double factor;   /* of every gradient, from the clip */
    uint64_t number; /* of updates since the states were zero, with this one: from 1 */
};

/* A piece of the buffers. */
struct optimizer_piece {
    size_t count;
    float *weights;
    const float *gradients; /* NULL: all of them are zero */
    float *states[OPTIMIZER_MAX_STATES];
};

struct optimizer_functions {
    /* New weights and states. */
    void (*update)(const struct optimizer *optimizer, const struct optimizer_step *step,
                   const struct optimizer_piece *piece);
};

struct optimizer_ops {
    const char *name;                              /* as --optimizer takes it */
    const char *state_names[OPTIMIZER_MAX_STATES]; /* as torch.optim calls them */
    bool takes_momentum;                           /* --momentum; has no states without one */
    const struct optimizer_functions *levels[VECTOR_LEVEL_COUNT];
};

/* Every optimizer, the default first. */
extern const struct optimizer_ops optimizers[];
extern const size_t optimizer_count;

/* Their names in the same order, and NULL behind the last. */
extern const char *const optimizer_names[];

/* The optimizer of this name; NULL if there is none. */
const struct optimizer_ops *optimizer_find(const char *name);

/* How many states it keeps: the first so many of the names. */
size_t optimizer_state_count(const struct optimizer *optimizer);

/* Do weights without a gradient move too? */
bool optimizer_moves_all(const struct optimizer *optimizer);

/* New weights and states of a piece, in the vector instructions of the level in use. */
void optimizer_update(const struct optimizer *optimizer, const struct optimizer_step *step,
                      const struct optimizer_piece *piece);

#endif
