#include "lstm_mpi/model/initialize.h"

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/random.h"

#include <stdbool.h>

static const double normal_deviation = 0.01;

static bool is_bias(const struct parameter *parameter)
{
    return parameter->kind == PARAMETER_CELL_BIAS || parameter->kind == PARAMETER_OUTPUT_BIAS;
}

void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed, size_t part,
                       size_t parts)
{
    for (size_t tensor = 0; tensor < parameters->count; tensor++) {
        const struct parameter *parameter = &parameters->table[tensor];
        uint64_t stream = random_stream(RANDOM_INITIALIZE, tensor);
        float *values = weights + parameter->offset;
        struct range mine = partition_range(parameters_tensor_size(parameter), parts, part);
        for (size_t i = mine.first; i < mine.first + mine.count; i++)
            values[i] = is_bias(parameter) ? 0 : (float)(normal_deviation * random_normal(seed, stream, i));
    }
}
