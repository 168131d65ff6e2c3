#include "lstm_mpi/model/parameters.h"

#include "lstm_mpi/model/cell.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A layout in the making; `fits` becomes false where a size overflows. */
struct layout {
    struct parameters *parameters;
    const struct model_spec *spec;
    size_t gate_width;
    bool fits;
};

static void append(struct layout *layout, struct parameter tensor)
{
    struct parameters *parameters = layout->parameters;
    assert(parameters->count < PARAMETER_MAX_COUNT);
    size_t floats = tensor.dims[0];
    bool fits = !(tensor.dim_count == 2 && __builtin_mul_overflow(floats, tensor.dims[1], &floats)) &&
                !__builtin_add_overflow(floats, PARAMETERS_ALIGNMENT - 1, &floats);
    floats = floats / PARAMETERS_ALIGNMENT * PARAMETERS_ALIGNMENT;
    tensor.offset = parameters->size;
    parameters->table[parameters->count++] = tensor;
    fits = fits && !__builtin_add_overflow(parameters->size, floats, &parameters->size);
    layout->fits = layout->fits && fits;
}

static void append_matrix(struct layout *layout, enum parameter_kind kind, const char *path, size_t rows,
                          size_t columns)
{
    struct parameter tensor = {.kind = kind, .dims = {rows, columns}, .dim_count = 2};
    snprintf(tensor.path, sizeof tensor.path, "%s", path);
    append(layout, tensor);
}

static void layer_path(char path[PARAMETER_PATH_BYTES], size_t layer, bool reverse, const char *name)
{
    snprintf(path, PARAMETER_PATH_BYTES, "layer%zu/%s%s", layer, reverse ? "reverse/" : "", name);
}

/* A tensor of a cell: `rows` rows as wide as all gates, or a bias where `rows` is 0. */
static void append_of_cell(struct layout *layout, size_t layer, bool reverse, const char *name, size_t rows)
{
    size_t width = layout->gate_width;
    struct parameter tensor = {
        .kind = rows > 0 ? PARAMETER_CELL_WEIGHT : PARAMETER_CELL_BIAS,
        .dims = {rows > 0 ? rows : width, rows > 0 ? width : 0},
        .dim_count = rows > 0 ? 2 : 1,
        .gates = layout->spec->cell->gate_names,
    };
    layer_path(tensor.path, layer, reverse, name);
    append(layout, tensor);
}

static void append_direction(struct layout *layout, size_t layer, bool reverse)
{
    const struct model_spec *spec = layout->spec;
    size_t input_width = model_input_width(spec, layer);
    if (input_width > 0)
        append_of_cell(layout, layer, reverse, "W_x", input_width);
    append_of_cell(layout, layer, reverse, "W_h", spec->hidden_size);
    append_of_cell(layout, layer, reverse, "b", 0);
    if (spec->double_bias)
        append_of_cell(layout, layer, reverse, "b_h", 0);
}

static void append_dense(struct layout *layout)
{
    const struct model_spec *spec = layout->spec;
    size_t V = spec->vocabulary_size;
    for (size_t layer = 0; layer < spec->num_layers; layer++) {
        for (size_t direction = 0; direction < model_directions(spec); direction++)
            append_direction(layout, layer, direction > 0);
    }
    if (!spec->tie_weights)
        append_matrix(layout, PARAMETER_OUTPUT_WEIGHT, "output/W", layout->parameters->output_width, V);
    append(layout, (struct parameter){
                       .path = "output/b", .kind = PARAMETER_OUTPUT_BIAS, .dims = {V}, .dim_count = 1});
    if (spec->tie_weights)
        append_matrix(layout, PARAMETER_EMBEDDING, "embedding/W", V, spec->embedding_size);
}

static void append_row_tables(struct layout *layout)
{
    const struct model_spec *spec = layout->spec;
    struct parameters *parameters = layout->parameters;
    size_t before = parameters->count;
    parameters->dense_size = parameters->size;
    if (spec->embedding_size == 0) {
        for (size_t direction = 0; direction < model_directions(spec); direction++)
            append_of_cell(layout, 0, direction > 0, "W_x", spec->vocabulary_size);
    } else if (!spec->tie_weights) {
        append_matrix(layout, PARAMETER_EMBEDDING, "embedding/W", spec->vocabulary_size,
                      spec->embedding_size);
    }
    parameters->row_table_count = parameters->count - before;
    for (size_t i = before; i < parameters->count; i++)
        parameters->row_size += parameters->table[i].dims[1];
    parameters->token_row_size = spec->tie_weights ? spec->embedding_size : parameters->row_size;
}

enum status parameters_layout(struct parameters *parameters, const struct model_spec *spec,
                              struct error *error)
{
    struct layout layout = {parameters, spec, 0, true};
    *parameters = (struct parameters){.hidden_size = spec->hidden_size};
    assert(spec->num_layers > 0 && spec->num_layers <= MODEL_MAX_LAYERS);
    assert(!spec->tie_weights || spec->embedding_size == model_width(spec));
    size_t bytes;
    layout.fits =
        !__builtin_mul_overflow(model_directions(spec), spec->hidden_size, &parameters->output_width) &&
        !__builtin_mul_overflow(spec->cell->gates, spec->hidden_size, &layout.gate_width);
    append_dense(&layout);
    append_row_tables(&layout);
    if (!layout.fits || __builtin_mul_overflow(parameters->size, sizeof(float), &bytes)) {
        error_set(error, STATUS_FAILED, "the model is too large");
        error_why(error,
                  "a vocabulary of %zu and a hidden size of %zu need more memory than can be addressed",
                  spec->vocabulary_size, spec->hidden_size);
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

const struct parameter *parameters_find_in_layer(const struct parameters *parameters, size_t layer,
                                                 bool reverse, const char *name)
{
    char path[PARAMETER_PATH_BYTES];
    layer_path(path, layer, reverse, name);
    return parameters_find(parameters, path);
}

const struct parameter *parameters_row_table(const struct parameters *parameters, size_t number)
{
    assert(number < parameters->row_table_count);
    return &parameters->table[parameters->count - parameters->row_table_count + number];
}
