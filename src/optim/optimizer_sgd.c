/* Stochastic gradient descent: w -= rate · g (torch.optim.SGD without momentum). */

#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/optim/optimizer.h"

static void update(float *weights, const float *gradients, size_t count, double factor, double rate)
{
    vector_axpy(count, (float)(-rate * factor), gradients, weights);
}

extern const struct optimizer_ops optimizer_sgd;
const struct optimizer_ops optimizer_sgd = {
    .name = "sgd",
    .update = update,
};
