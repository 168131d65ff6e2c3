/* Stochastic gradient descent (torch.optim.SGD):
 *
 *     g = factor · gradient + weight_decay · w
 *     m = momentum · m + g        (g itself where there is no momentum)
 *     w -= rate · m
 *
 * Compiled once for each vector level. */

#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/optim/optimizer.h"
#include "settle.h"

struct numbers {
    float rate;
    float factor;
    float decay;
    float momentum;
};

/* Here and below `gradients` is NULL or not where it is called, so that no loop asks. */
static inline __attribute__((always_inline)) void
decay(size_t count, struct numbers n, const float *restrict gradients, float *restrict weights)
{
    for (size_t i = 0; i < count; i++) {
        float gradient = gradients ? gradients[i] : 0;
        float g = n.factor * gradient + n.decay * weights[i];
        weights[i] = settle(weights[i] - n.rate * g);
    }
}

static inline __attribute__((always_inline)) void remember(size_t count, struct numbers n,
                                                           const float *restrict gradients,
                                                           float *restrict memory, float *restrict weights)
{
    for (size_t i = 0; i < count; i++) {
        float gradient = gradients ? gradients[i] : 0;
        float g = n.factor * gradient + n.decay * weights[i];
        float m = settle(n.momentum * memory[i] + g);
        memory[i] = m;
        weights[i] = settle(weights[i] - n.rate * m);
    }
}

static void update(const struct optimizer *optimizer, const struct optimizer_step *step,
                   const struct optimizer_piece *piece)
{
    struct numbers n = {(float)step->rate, (float)step->factor, (float)optimizer->weight_decay,
                        (float)optimizer->momentum};
    size_t count = piece->count;
    if (optimizer->momentum != 0 && piece->gradients)
        remember(count, n, piece->gradients, piece->states[0], piece->weights);
    else if (optimizer->momentum != 0)
        remember(count, n, NULL, piece->states[0], piece->weights);
    else if (optimizer->weight_decay != 0 && piece->gradients)
        decay(count, n, piece->gradients, piece->weights);
    else if (optimizer->weight_decay != 0)
        decay(count, n, NULL, piece->weights);
    else if (piece->gradients)
        vector_axpy(count, (float)(-step->rate * step->factor), piece->gradients, piece->weights);
}

const struct optimizer_functions LSTM_MPI_LEVEL_NAME(optimizer_sgd) = {
    .update = update,
};
