#include "lstm_mpi/optim/optimizer.h"

extern const struct optimizer_ops optimizer_sgd;

const struct optimizer_ops *const optimizers[] = {
    &optimizer_sgd,
};
const size_t optimizer_count = sizeof optimizers / sizeof optimizers[0];
