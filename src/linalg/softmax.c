#include "lstm_mpi/linalg/softmax.h"

#include "vector_functions.h"

#include <assert.h>
#include <math.h>

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Leaves exponentials in place of the logits, and in `factors` what makes gradients of them. */
static double exponentials(const struct softmax_block *block, float *factors)
{
    const struct vector_functions *vector = vector_functions_in_use();
    double loss = 0;
    for (size_t row = 0; row < block->rows; row++) {
        float *logits = block->logits + row * block->vocabulary;
        uint32_t target = block->targets[row];
        float largest;
        float target_logit = logits[target] + block->bias[target];
        float total = vector->softmax_exponentials(block->vocabulary, logits, block->bias, &largest);
        loss += log((double)total) - ((double)target_logit - (double)largest);
        factors[row] = block->scale / total;
    }
    return loss;
}

/* Where nothing is packed the gradients stay rows of the logits' matrix. */
static void gradients_in_place(const struct softmax_block *block, const float *factors, struct panels *rows,
                               struct panels *columns, size_t first_depth, float *bias_gradient)
{
    size_t V = block->vocabulary;
    for (size_t row = 0; row < block->rows; row++) {
        float *gradients = block->logits + row * V;
        for (size_t v = 0; v < V; v++)
            gradients[v] *= factors[row];
        gradients[block->targets[row]] -= block->scale;
        vector_functions_in_use()->add(V, gradients, bias_gradient);
    }
    panels_pack(rows, (struct panels_source){block->logits, .lanes = block->rows, .depth = V, V, 1});
    panels_pack_piece(columns, first_depth,
                      (struct panels_source){block->logits, .lanes = V, .depth = block->rows, 1, V});
}

/* The tiles are as the panels are: the rows of one narrow panel, the columns of one wide panel. */
static void pack_tiles(const struct softmax_block *block, const float *factors, struct panels *rows,
                       struct panels *columns, size_t first_depth, float *bias_gradient)
{
    const struct vector_functions *vector = vector_functions_in_use();
    size_t V = block->vocabulary;
    size_t depth = columns->source.depth;
    for (size_t row = 0; row < block->rows; row += rows->width) {
        for (size_t column = 0; column < V; column += columns->width) {
            struct softmax_tile tile = {
                .exponentials = block->logits + row * V + column,
                .stride = V,
                .rows = smaller(block->rows - row, rows->width),
                .columns = smaller(V - column, columns->width),
                .factors = factors + row,
                .wide = columns->data + column * depth + (first_depth + row) * columns->width,
                .wide_width = columns->width,
                .narrow = rows->data + (row * V + column * rows->width),
                .narrow_width = rows->width,
                .bias_gradient = bias_gradient + column,
            };
            vector->softmax_tile(&tile);
        }
    }
}

static void subtract_targets(const struct softmax_block *block, struct panels *rows, struct panels *columns,
                             size_t first_depth, float *bias_gradient)
{
    for (size_t row = 0; row < block->rows; row++) {
        uint32_t target = block->targets[row];
        *panels_element(rows, row, target) -= block->scale;
        *panels_element(columns, target, first_depth + row) -= block->scale;
        bias_gradient[target] -= block->scale;
    }
}

double softmax_loss(const struct softmax_block *block, float *factors, struct panels *rows,
                    struct panels *columns, size_t first_depth, float *bias_gradient)
{
    double loss = exponentials(block, factors);
    if (panels_are_views() || columns->width > SOFTMAX_TILE_COLUMNS) {
        gradients_in_place(block, factors, rows, columns, first_depth, bias_gradient);
        return loss;
    }
    panels_begin(rows, block->rows, block->vocabulary);
    assert(columns->source.lanes == block->vocabulary);
    pack_tiles(block, factors, rows, columns, first_depth, bias_gradient);
    subtract_targets(block, rows, columns, first_depth, bias_gradient);
    return loss;
}
