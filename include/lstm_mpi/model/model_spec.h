#ifndef LSTM_MPI_MODEL_MODEL_SPEC_H
#define LSTM_MPI_MODEL_MODEL_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell_ops;

enum { MODEL_MAX_LAYERS = 32, MODEL_MAX_DIRECTIONS = 2 };

/* The shape of the network: token → embedding, or its row of the first layer's W_x → layers of cells, each in
 * one direction of time or in both → output layer → logits. */
struct model_spec {
    size_t vocabulary_size;
    size_t hidden_size; /* of one direction of one layer */
    const struct cell_ops *cell;
    size_t num_layers;     /* 1 to MODEL_MAX_LAYERS */
    size_t embedding_size; /* 0: no embedding */
    bool bidirectional;
    bool tie_weights; /* the output's W is the transposed embedding: embedding_size = model_width */
    bool double_bias; /* the cells have b_h beside b */
    double dropout;   /* chance of a number between the layers, and before the output layer, to be 0 */
    uint64_t dropout_seed;
};

static inline size_t model_directions(const struct model_spec *spec)
{
    return spec->bidirectional ? 2 : 1;
}

/* What a layer gives to the next one, or to the output layer: H of all directions side by side. */
static inline size_t model_width(const struct model_spec *spec)
{
    return model_directions(spec) * spec->hidden_size;
}

/* Numbers that go into a layer at every step; 0: a token, which selects a row of W_x. */
static inline size_t model_input_width(const struct model_spec *spec, size_t layer)
{
    return layer == 0 ? spec->embedding_size : model_width(spec);
}

#endif
