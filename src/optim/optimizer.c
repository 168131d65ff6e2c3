#include "lstm_mpi/optim/optimizer.h"

#include "lstm_mpi/linalg/vector_level.h"

VECTOR_LEVELS_DECLARE(const struct optimizer_functions, optimizer_sgd);
VECTOR_LEVELS_DECLARE(const struct optimizer_functions, optimizer_adam);

static const struct optimizer_functions *const sgd_levels[] = VECTOR_LEVELS_ARRAY(optimizer_sgd);
static const struct optimizer_functions *const adam_levels[] = VECTOR_LEVELS_ARRAY(optimizer_adam);

const struct optimizer_ops optimizers[] = {
    {
        .name = "sgd",
        .state_names = {"momentum"},
        .remembers_momentum_only = true,
        .levels = sgd_levels,
    },
    {
        .name = "adam",
        .state_names = {"exp_avg", "exp_avg_sq"},
        .levels = adam_levels,
    },
};
const size_t optimizer_count = sizeof optimizers / sizeof optimizers[0];

size_t optimizer_state_count(const struct optimizer *optimizer)
{
    size_t count = 0;
    if (optimizer->ops->remembers_momentum_only && optimizer->momentum == 0)
        return 0;
    while (count < OPTIMIZER_MAX_STATES && optimizer->ops->state_names[count])
        count++;
    return count;
}

bool optimizer_moves_all(const struct optimizer *optimizer)
{
    return optimizer->weight_decay != 0 || optimizer_state_count(optimizer) > 0;
}

void optimizer_update(const struct optimizer *optimizer, const struct optimizer_step *step,
                      const struct optimizer_piece *piece)
{
    optimizer->ops->levels[vector_level_in_use()]->update(optimizer, step, piece);
}
