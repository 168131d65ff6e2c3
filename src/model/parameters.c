#include "lstm_mpi/model/parameters.h"

#include "lstm_mpi/model/cell.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Appends a tensor to the table; false where the size of the buffer overflows. */
static bool append(struct parameters *parameters, struct parameter tensor, const char *path)
{
    assert(parameters->count < PARAMETER_MAX_COUNT);
    size_t floats = tensor.dims[0];
    if (tensor.dim_count == 2 && __builtin_mul_overflow(floats, tensor.dims[1], &floats))
        return false;
    if (__builtin_add_overflow(floats, PARAMETERS_ALIGNMENT - 1, &floats))
        return false;
    floats = floats / PARAMETERS_ALIGNMENT * PARAMETERS_ALIGNMENT;
    snprintf(tensor.path, sizeof tensor.path, "%s", path);
    tensor.offset = parameters->size;
    parameters->table[parameters->count++] = tensor;
    return !__builtin_add_overflow(parameters->size, floats, &parameters->size);
}

enum status parameters_layout(struct parameters *parameters, const struct model_spec *spec,
                              struct error *error)
{
    *parameters = (struct parameters){0};
    size_t V = spec->vocabulary_size;
    size_t H = spec->hidden_size;
    size_t gates_H;
    bool fits = !__builtin_mul_overflow(spec->cell->gates, H, &gates_H);
    const char *gates = spec->cell->gate_names;
    fits = fits &&
           append(parameters,
                  (struct parameter){
                      .kind = PARAMETER_CELL_WEIGHT, .dims = {H, gates_H}, .dim_count = 2, .gates = gates},
                  "layer0/W_h");
    fits = fits && append(parameters,
                          (struct parameter){
                              .kind = PARAMETER_CELL_BIAS, .dims = {gates_H}, .dim_count = 1, .gates = gates},
                          "layer0/b");
    fits = fits && append(parameters,
                          (struct parameter){.kind = PARAMETER_OUTPUT_WEIGHT, .dims = {H, V}, .dim_count = 2},
                          "output/W");
    fits = fits &&
           append(parameters, (struct parameter){.kind = PARAMETER_OUTPUT_BIAS, .dims = {V}, .dim_count = 1},
                  "output/b");
    parameters->dense_size = parameters->size;
    parameters->row_size = gates_H;
    fits = fits &&
           append(parameters,
                  (struct parameter){
                      .kind = PARAMETER_CELL_WEIGHT, .dims = {V, gates_H}, .dim_count = 2, .gates = gates},
                  "layer0/W_x");
    size_t bytes;
    if (!fits || __builtin_mul_overflow(parameters->size, sizeof(float), &bytes)) {
        error_set(error, STATUS_FAILED, "the model is too large");
        error_why(error,
                  "a vocabulary of %zu and a hidden size of %zu need more memory than can be addressed", V,
                  H);
        return error_remedy(error, "use a smaller --hidden-size");
    }
    return STATUS_OK;
}

size_t parameters_tensor_size(const struct parameter *parameter)
{
    return parameter->dims[0] * (parameter->dim_count == 2 ? parameter->dims[1] : 1);
}

size_t parameters_learned(const struct parameters *parameters)
{
    size_t learned = 0;
    for (size_t i = 0; i < parameters->count; i++)
        learned += parameters_tensor_size(&parameters->table[i]);
    return learned;
}

const struct parameter *parameters_find(const struct parameters *parameters, const char *path)
{
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->table[i].path, path) == 0)
            return &parameters->table[i];
    }
    return NULL;
}
