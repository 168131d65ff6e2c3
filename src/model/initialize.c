#include "lstm_mpi/model/initialize.h"

#include "lstm_mpi/base/random.h"

#include <stdbool.h>
#include <string.h>

static const double normal_deviation = 0.01;

static bool is_bias(const struct parameter *parameter)
{
    return parameter->kind == PARAMETER_CELL_BIAS || parameter->kind == PARAMETER_OUTPUT_BIAS;
}

void initialize_normal(float *weights, const struct parameters *parameters, uint64_t seed)
{
    memset(weights, 0, parameters->size * sizeof *weights);
    for (size_t tensor = 0; tensor < parameters->count; tensor++) {
        const struct parameter *parameter = &parameters->table[tensor];
        if (is_bias(parameter))
            continue;
        uint64_t stream = random_stream(RANDOM_INITIALIZE, tensor);
        float *values = weights + parameter->offset;
        for (size_t i = 0; i < parameters_tensor_size(parameter); i++)
            values[i] = (float)(normal_deviation * random_normal(seed, stream, i));
    }
}
