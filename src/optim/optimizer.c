#include "lstm_mpi/optim/optimizer.h"

#include <string.h>

/* Every optimizer, the default first. A row is all that is known of one outside of its file. */
/* clang-format off */
#define OPTIMIZERS(ROW)                                                   \
    ROW(sgd, .state_names = {"momentum"}, .takes_momentum = true)         \
    ROW(adam, .state_names = {"exp_avg", "exp_avg_sq"})

#define DECLARATION(kind, ...) VECTOR_LEVELS_DECLARE(const struct optimizer_functions, optimizer_##kind);
#define OPERATIONS(kind, ...) \
    {.name = #kind, __VA_ARGS__, .levels = VECTOR_LEVELS_ARRAY(optimizer_##kind)},
#define NAME(kind, ...) #kind,
/* clang-format on */

OPTIMIZERS(DECLARATION)
const struct optimizer_ops optimizers[] = {OPTIMIZERS(OPERATIONS)};
const char *const optimizer_names[] = {OPTIMIZERS(NAME) NULL};
const size_t optimizer_count = sizeof optimizers / sizeof optimizers[0];

const struct optimizer_ops *optimizer_find(const char *name)
{
    for (size_t i = 0; i < optimizer_count; i++) {
        if (strcmp(optimizers[i].name, name) == 0)
            return &optimizers[i];
    }
    return NULL;
}

size_t optimizer_state_count(const struct optimizer *optimizer)
{
    size_t count = 0;
    if (optimizer->ops->takes_momentum && optimizer->momentum == 0)
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
