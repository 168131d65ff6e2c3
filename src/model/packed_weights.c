#include "lstm_mpi/model/packed_weights.h"

#include "lstm_mpi/model/cell.h"

/* The four matrices in the order of their memory: side, lanes and depth are those of the right operand. */
struct shape {
    size_t lanes;
    size_t depth;
};

enum { W_H_FORWARD, W_H_BACKWARD, W_FORWARD, W_BACKWARD, MATRIX_COUNT };

static void shapes_of(struct shape shapes[MATRIX_COUNT], const struct model_spec *spec)
{
    size_t H = spec->hidden_size;
    size_t G = spec->cell->gates * H;
    size_t V = spec->vocabulary_size;
    shapes[W_H_FORWARD] = (struct shape){G, H};
    shapes[W_H_BACKWARD] = (struct shape){H, G};
    shapes[W_FORWARD] = (struct shape){V, H};
    shapes[W_BACKWARD] = (struct shape){H, V};
}

size_t packed_weights_floats(const struct model_spec *spec)
{
    struct shape shapes[MATRIX_COUNT];
    size_t floats = 0;
    shapes_of(shapes, spec);
    for (size_t i = 0; i < MATRIX_COUNT; i++)
        floats += panels_floats(PANELS_WIDE, shapes[i].lanes, shapes[i].depth);
    return floats;
}

static const float *find(const float *weights, const struct parameters *parameters, const char *path)
{
    return weights + parameters_find(parameters, path)->offset;
}

enum status packed_weights_place(struct packed_weights *packed, const struct model_spec *spec,
                                 const float *weights, float *memory, struct error *error)
{
    struct parameters parameters;
    enum status status = parameters_layout(&parameters, spec, error);
    if (status != STATUS_OK)
        return status;
    *packed = (struct packed_weights){
        .hidden = spec->hidden_size,
        .gate_width = spec->cell->gates * spec->hidden_size,
        .vocabulary = spec->vocabulary_size,
        .W_x = find(weights, &parameters, "layer0/W_x"),
        .W_h = find(weights, &parameters, "layer0/W_h"),
        .b = find(weights, &parameters, "layer0/b"),
        .W = find(weights, &parameters, "output/W"),
        .b_output = find(weights, &parameters, "output/b"),
    };
    struct panels *matrices[MATRIX_COUNT] = {&packed->W_h_forward, &packed->W_h_backward, &packed->W_forward,
                                             &packed->W_backward};
    struct shape shapes[MATRIX_COUNT];
    shapes_of(shapes, spec);
    for (size_t i = 0; i < MATRIX_COUNT; i++) {
        panels_place(matrices[i], PANELS_WIDE, shapes[i].lanes, shapes[i].depth, memory);
        memory += panels_floats(PANELS_WIDE, shapes[i].lanes, shapes[i].depth);
    }
    return STATUS_OK;
}

void packed_weights_pack(struct packed_weights *packed, size_t part, size_t parts)
{
    size_t H = packed->hidden;
    size_t G = packed->gate_width;
    size_t V = packed->vocabulary;
    panels_pack_part(&packed->W_h_forward, (struct panels_source){packed->W_h, .lanes = G, .depth = H, 1, G},
                     part, parts);
    panels_pack_part(&packed->W_h_backward, (struct panels_source){packed->W_h, .lanes = H, .depth = G, G, 1},
                     part, parts);
    panels_pack_part(&packed->W_forward, (struct panels_source){packed->W, .lanes = V, .depth = H, 1, V},
                     part, parts);
    panels_pack_part(&packed->W_backward, (struct panels_source){packed->W, .lanes = H, .depth = V, V, 1},
                     part, parts);
}
