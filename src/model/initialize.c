#include "lstm_mpi/model/initialize.h"

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/random.h"

#include <math.h>

/* Where the numbers of a tensor are drawn from. */
struct distribution {
    double deviation; /* of a normal distribution around 0 */
    double bound;     /* of a uniform one from -bound to bound */
};

static double draw(struct distribution from, uint64_t seed, uint64_t stream, uint64_t index)
{
    if (from.deviation > 0)
        return from.deviation * random_normal(seed, stream, index);
    if (from.bound > 0)
        return from.bound * (2 * random_uniform(seed, stream, index) - 1);
    return 0;
}

typedef struct distribution distribution_of(const struct parameters *parameters,
                                            const struct parameter *parameter);

static void initialize(float *weights, const struct parameters *parameters, distribution_of *distribution,
                       uint64_t seed, size_t part, size_t parts)
{
    for (size_t tensor = 0; tensor < parameters->count; tensor++) {
        const struct parameter *parameter = &parameters->table[tensor];
        struct distribution from = distribution(parameters, parameter);
        uint64_t stream = random_stream(RANDOM_INITIALIZE, tensor);
        float *values = weights + parameter->offset;
        struct range mine = partition_range(parameters_tensor_size(parameter), parts, part);
        for (size_t i = mine.first; i < mine.first + mine.count; i++)
            values[i] = (float)draw(from, seed, stream, i);
    }
}

static struct distribution small_normal(const struct parameters *parameters,
                                        const struct parameter *parameter)
{
    (void)parameters;
    bool is_bias = parameter->kind == PARAMETER_CELL_BIAS || parameter->kind == PARAMETER_OUTPUT_BIAS;
    return (struct distribution){.deviation = is_bias ? 0 : 0.01};
}

void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                       size_t parts)
{
    initialize(weights, parameters, small_normal, seed, part, parts);
}

static struct distribution as_pytorch(const struct parameters *parameters, const struct parameter *parameter)
{
    switch (parameter->kind) {
    case PARAMETER_CELL_WEIGHT:
    case PARAMETER_CELL_BIAS:
        return (struct distribution){.bound = 1 / sqrt((double)parameters->hidden_size)};
    case PARAMETER_OUTPUT_WEIGHT:
    case PARAMETER_OUTPUT_BIAS:
        return (struct distribution){.bound = 1 / sqrt((double)parameters->output_width)};
    case PARAMETER_EMBEDDING:
        break;
    }
    return (struct distribution){.deviation = 1};
}

void initialize_uniform(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                        size_t parts)
{
    initialize(weights, parameters, as_pytorch, seed, part, parts);
}

/* clang-format off */
#define INITIALIZERS(ROW) ROW(normal) ROW(uniform)
#define FUNCTION(kind) initialize_##kind,
#define NAME(kind) #kind,
/* clang-format on */

initializer *const initializers[] = {INITIALIZERS(FUNCTION)};
const char *const initializer_names[] = {INITIALIZERS(NAME) NULL};
