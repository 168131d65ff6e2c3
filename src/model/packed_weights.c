#include "lstm_mpi/model/packed_weights.h"

#include "lstm_mpi/model/cell.h"

enum { MATRICES_OF_LAYER = 4, MATRICES_OF_OUTPUT = 2 };

/* A matrix that is packed: always as the right operand. */
struct matrix {
    struct panels *panels;
    struct panels_source source;
};

/* B of a product with W [rows, columns] or, transposed, with its transpose. */
static struct matrix forward(struct panels *panels, const float *W, size_t rows, size_t columns)
{
    return (struct matrix){panels, {W, .lanes = columns, .depth = rows, 1, columns}};
}

static struct matrix transposed(struct panels *panels, const float *W, size_t rows, size_t columns)
{
    return (struct matrix){panels, {W, .lanes = rows, .depth = columns, columns, 1}};
}

/* The matrices in the order of their memory: those of the layers, then those of the output layer. */
static size_t matrix_count(const struct packed_weights *packed)
{
    return packed->layer_count * MATRICES_OF_LAYER + MATRICES_OF_OUTPUT;
}

static struct matrix matrix_of_output(struct packed_weights *packed, bool is_forward)
{
    size_t in = packed->output_width;
    size_t V = packed->vocabulary;
    if (packed->tied)
        return is_forward ? transposed(&packed->W_forward, packed->W, V, in)
                          : forward(&packed->W_backward, packed->W, V, in);
    return is_forward ? forward(&packed->W_forward, packed->W, in, V)
                      : transposed(&packed->W_backward, packed->W, in, V);
}

static struct matrix matrix_at(struct packed_weights *packed, size_t index)
{
    if (index / MATRICES_OF_LAYER == packed->layer_count)
        return matrix_of_output(packed, index % MATRICES_OF_LAYER == 0);
    struct packed_layer *layer = &packed->layers[index / MATRICES_OF_LAYER];
    size_t in = layer->input_width;
    size_t H = layer->hidden;
    size_t G = layer->gate_width;
    switch (index % MATRICES_OF_LAYER) {
    case 0:
        return forward(&layer->W_h_forward, layer->W_h, H, G);
    case 1:
        return transposed(&layer->W_h_backward, layer->W_h, H, G);
    case 2:
        return forward(&layer->W_x_forward, layer->W_x, in, G);
    default:
        return transposed(&layer->W_x_backward, layer->W_x, in, G);
    }
}

/* All but the views of the weights. */
static void set_shapes(struct packed_weights *packed, const struct model_spec *spec)
{
    size_t directions = model_directions(spec);
    *packed = (struct packed_weights){
        .vocabulary = spec->vocabulary_size,
        .output_width = model_width(spec),
        .tied = spec->tie_weights,
        .layer_count = spec->num_layers * directions,
    };
    for (size_t i = 0; i < packed->layer_count; i++) {
        packed->layers[i] = (struct packed_layer){
            .input_width = model_input_width(spec, i / directions),
            .hidden = spec->hidden_size,
            .gate_width = spec->cell->gates * spec->hidden_size,
        };
    }
}

static bool is_empty(const struct matrix *matrix)
{
    return matrix->source.lanes == 0 || matrix->source.depth == 0;
}

static size_t floats_of(const struct matrix *matrix)
{
    return is_empty(matrix) ? 0 : panels_floats(PANELS_WIDE, matrix->source.lanes, matrix->source.depth);
}

size_t packed_weights_floats(const struct model_spec *spec)
{
    struct packed_weights shapes;
    size_t floats = 0;
    set_shapes(&shapes, spec);
    for (size_t i = 0; i < matrix_count(&shapes); i++) {
        struct matrix matrix = matrix_at(&shapes, i);
        floats += floats_of(&matrix);
    }
    return floats;
}

/* NULL where there is no such tensor. */
static const float *view(const float *weights, const struct parameter *parameter)
{
    return parameter ? weights + parameter->offset : NULL;
}

static void view_weights(struct packed_weights *packed, const struct model_spec *spec,
                         const struct parameters *parameters, const float *weights)
{
    size_t directions = model_directions(spec);
    packed->embedding = view(weights, parameters_find(parameters, "embedding/W"));
    packed->W = packed->tied ? packed->embedding : view(weights, parameters_find(parameters, "output/W"));
    packed->b_output = view(weights, parameters_find(parameters, "output/b"));
    for (size_t i = 0; i < packed->layer_count; i++) {
        size_t number = i / directions;
        bool reverse = i % directions > 0;
        struct packed_layer *layer = &packed->layers[i];
        layer->W_x = view(weights, parameters_find_in_layer(parameters, number, reverse, "W_x"));
        layer->W_h = view(weights, parameters_find_in_layer(parameters, number, reverse, "W_h"));
        layer->b = view(weights, parameters_find_in_layer(parameters, number, reverse, "b"));
        layer->b_h = view(weights, parameters_find_in_layer(parameters, number, reverse, "b_h"));
    }
}

enum status packed_weights_place(struct packed_weights *packed, const struct model_spec *spec,
                                 const float *weights, float *memory, struct error *error)
{
    struct parameters parameters;
    enum status status = parameters_layout(&parameters, spec, error);
    if (status != STATUS_OK)
        return status;
    set_shapes(packed, spec);
    view_weights(packed, spec, &parameters, weights);
    for (size_t i = 0; i < matrix_count(packed); i++) {
        struct matrix matrix = matrix_at(packed, i);
        if (is_empty(&matrix))
            continue;
        panels_place(matrix.panels, PANELS_WIDE, matrix.source.lanes, matrix.source.depth, memory);
        memory += floats_of(&matrix);
    }
    return STATUS_OK;
}

void packed_weights_pack(struct packed_weights *packed, size_t part, size_t parts)
{
    for (size_t i = 0; i < matrix_count(packed); i++) {
        struct matrix matrix = matrix_at(packed, i);
        if (!is_empty(&matrix))
            panels_pack_part(matrix.panels, matrix.source, part, parts);
    }
}
