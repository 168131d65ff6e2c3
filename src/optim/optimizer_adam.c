/* Adam (Kingma and Ba 2015) as torch.optim.Adam has it, with its defaults. In update t from 1:
 *
 *     g = factor · gradient + weight_decay · w
 *     m = β₁ · m + (1 - β₁) · g        v = β₂ · v + (1 - β₂) · g²
 *     w -= rate / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
 *
 * m is exp_avg, v exp_avg_sq. Compiled once for each vector level. */

#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/optim/optimizer.h"
#include "settle.h"

static const double beta1 = 0.9;
static const double beta2 = 0.999;
static const double epsilon = 1e-8;

struct numbers {
    float factor;
    float decay;
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float epsilon;
    float step;        /* rate / (1 - β₁ᵗ) */
    float root_factor; /* 1 / √(1 - β₂ᵗ) */
};

/* `gradients` is NULL or not where it is called, so that the loop does not ask. */
static inline __attribute__((always_inline)) void adapt(size_t count, struct numbers n,
                                                        const float *restrict gradients, float *restrict mean,
                                                        float *restrict square, float *restrict weights)
{
    for (size_t i = 0; i < count; i++) {
        float gradient = gradients ? gradients[i] : 0;
        float g = n.factor * gradient + n.decay * weights[i];
        float m = settle(n.beta1 * mean[i] + n.one_minus_beta1 * g);
        float v = settle(n.beta2 * square[i] + n.one_minus_beta2 * (g * g));
        mean[i] = m;
        square[i] = v;
        weights[i] = settle(weights[i] - n.step * m / (sqrtf(v) * n.root_factor + n.epsilon));
    }
}

static void update(const struct optimizer *optimizer, const struct optimizer_step *step,
                   const struct optimizer_piece *piece)
{
    double t = (double)step->number;
    struct numbers n = {
        .factor = (float)step->factor,
        .decay = (float)optimizer->weight_decay,
        .beta1 = (float)beta1,
        .one_minus_beta1 = (float)(1 - beta1),
        .beta2 = (float)beta2,
        .one_minus_beta2 = (float)(1 - beta2),
        .epsilon = (float)epsilon,
        .step = (float)(step->rate / (1 - pow(beta1, t))),
        .root_factor = (float)(1 / sqrt(1 - pow(beta2, t))),
    };
    if (piece->gradients)
        adapt(piece->count, n, piece->gradients, piece->states[0], piece->states[1], piece->weights);
    else
        adapt(piece->count, n, NULL, piece->states[0], piece->states[1], piece->weights);
}

const struct optimizer_functions LSTM_MPI_LEVEL_NAME(optimizer_adam) = {
    .update = update,
};
