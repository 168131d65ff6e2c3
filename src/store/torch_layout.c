#include "torch_layout.h"
#include "lstm_mpi/base/memory.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static const struct torch_cell torch_cells[] = {
    {"lstm", "nn.LSTM", "i,f,o,c", 4, {0, 1, 3, 2}}, /* PyTorch: i, f, g, o, and its g is our c */
    {"gru", "nn.GRU", "r,z,n", 3, {0, 1, 2}},
    {"rnn", "nn.RNN", "h", 1, {0}},
};

const struct torch_cell *torch_layout_cell(const char *name, size_t gates)
{
    for (size_t c = 0; c < sizeof torch_cells / sizeof *torch_cells; c++) {
        const struct torch_cell *cell = &torch_cells[c];
        if (cell->gates == gates && (!name || strcmp(cell->name, name) == 0))
            return cell;
    }
    return NULL;
}

static struct torch_tensor *add(struct torch_layout *layout, size_t rows, size_t columns)
{
    struct torch_tensor *tensor = &layout->tensors[layout->count++];
    *tensor = (struct torch_tensor){.rows = rows, .columns = columns, .dim_count = 2, .transposed = true};
    return tensor;
}

/* A tensor of one direction of one layer; `stored` is NULL for what a checkpoint lacks. */
static struct torch_tensor *add_of_layer(struct torch_layout *layout, const struct torch_shape *shape,
                                         size_t layer, size_t direction, const char *name, const char *stored)
{
    struct torch_tensor *tensor = add(layout, shape->cell->gates * shape->hidden, 1);
    tensor->cell = shape->cell;
    tensor->dim_count = 1;
    snprintf(tensor->name, sizeof tensor->name, "rnn.%s_l%zu%s", name, layer,
             direction == 1 ? "_reverse" : "");
    if (stored)
        snprintf(tensor->path, sizeof tensor->path, "/model/layer%zu/%s%s", layer,
                 direction == 1 ? "reverse/" : "", stored);
    return tensor;
}

static void add_layer(struct torch_layout *layout, const struct torch_shape *shape, size_t layer,
                      size_t direction)
{
    size_t below = layer > 0              ? shape->hidden * shape->directions
                   : shape->embedding > 0 ? shape->embedding
                                          : shape->vocabulary;
    struct torch_tensor *W_x = add_of_layer(layout, shape, layer, direction, "weight_ih", "W_x");
    W_x->columns = below;
    W_x->dim_count = 2;
    struct torch_tensor *W_h = add_of_layer(layout, shape, layer, direction, "weight_hh", "W_h");
    W_h->columns = shape->hidden;
    W_h->dim_count = 2;
    add_of_layer(layout, shape, layer, direction, "bias_ih", "b");
    add_of_layer(layout, shape, layer, direction, "bias_hh", shape->double_bias ? "b_h" : NULL);
}

static void add_named(struct torch_layout *layout, const char *name, const char *path, size_t rows,
                      size_t columns)
{
    struct torch_tensor *tensor = add(layout, rows, columns);
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    snprintf(tensor->path, sizeof tensor->path, "%s", path);
}

enum status torch_layout_make(struct torch_layout *layout, const struct torch_shape *shape,
                              struct error *error)
{
    enum { OF_LAYER = 4, OTHERS = 3 };
    *layout = (struct torch_layout){0};
    enum status status =
        memory_new(&layout->tensors, shape->layers * shape->directions * OF_LAYER + OTHERS, error);
    if (status != STATUS_OK)
        return status;
    if (shape->embedding > 0) {
        add_named(layout, "embedding.weight", "/model/embedding/W", shape->vocabulary, shape->embedding);
        layout->tensors[0].transposed = false;
    }
    for (size_t layer = 0; layer < shape->layers; layer++)
        for (size_t direction = 0; direction < shape->directions; direction++)
            add_layer(layout, shape, layer, direction);
    add_named(layout, "linear.weight", "/model/output/W", shape->vocabulary,
              shape->hidden * shape->directions);
    if (shape->tied) {
        struct torch_tensor *weight = &layout->tensors[layout->count - 1];
        memcpy(weight->path, layout->tensors[0].path, sizeof weight->path);
        weight->transposed = false;
        weight->repeated = true;
    }
    add_named(layout, "linear.bias", "/model/output/b", shape->vocabulary, 1);
    layout->tensors[layout->count - 1].dim_count = 1;
    return STATUS_OK;
}

void torch_layout_free(struct torch_layout *layout)
{
    memory_free(layout->tensors);
    *layout = (struct torch_layout){0};
}

const struct torch_tensor *torch_layout_find(const struct torch_layout *layout, const char *name)
{
    for (size_t t = 0; t < layout->count; t++)
        if (strcmp(layout->tensors[t].name, name) == 0)
            return &layout->tensors[t];
    return NULL;
}

const struct torch_tensor *torch_layout_find_path(const struct torch_layout *layout, const char *path)
{
    for (size_t t = 0; t < layout->count; t++)
        if (strcmp(layout->tensors[t].path, path) == 0)
            return &layout->tensors[t];
    return NULL;
}

struct tensor torch_layout_stored(const struct torch_tensor *tensor)
{
    struct tensor stored = {
        .dims = {tensor->rows, tensor->columns},
        .dim_count = tensor->dim_count,
        .split_dim = -1,
        .gates = tensor->cell ? tensor->cell->gate_names : NULL,
    };
    if (tensor->transposed && tensor->dim_count == 2) {
        stored.dims[0] = tensor->columns;
        stored.dims[1] = tensor->rows;
    }
    memcpy(stored.path, tensor->path, sizeof stored.path);
    return stored;
}

/* Where the first element of a row lies in the checkpoint's tensor; the others follow by column_step. */
static size_t row_start(const struct torch_tensor *tensor, size_t row)
{
    if (!tensor->transposed)
        return row * tensor->columns;
    if (!tensor->cell)
        return row;
    size_t hidden = tensor->rows / tensor->cell->gates;
    return tensor->cell->block[row / hidden] * hidden + row % hidden;
}

static size_t column_step(const struct torch_tensor *tensor)
{
    return tensor->transposed ? tensor->rows : 1;
}

/* Columns at a time, so that what one row reads of a cache line is still there for the next. */
enum { TILE_COLUMNS = 32 };

void torch_layout_get_rows(uint32_t *rows, const struct torch_tensor *tensor, size_t first, size_t count,
                           const float *stored)
{
    size_t columns = tensor->columns;
    size_t step = column_step(tensor);
    for (size_t tile = 0; tile < columns; tile += TILE_COLUMNS) {
        size_t end = columns - tile < TILE_COLUMNS ? columns : tile + TILE_COLUMNS;
        for (size_t r = 0; r < count; r++) {
            const float *from = stored + row_start(tensor, first + r);
            for (size_t c = tile; c < end; c++) {
                uint32_t bits;
                memcpy(&bits, &from[c * step], sizeof bits);
                rows[r * columns + c] = htole32(bits);
            }
        }
    }
}

void torch_layout_put_rows(float *stored, const struct torch_tensor *tensor, size_t first, size_t count,
                           const uint32_t *rows)
{
    size_t columns = tensor->columns;
    size_t step = column_step(tensor);
    for (size_t tile = 0; tile < columns; tile += TILE_COLUMNS) {
        size_t end = columns - tile < TILE_COLUMNS ? columns : tile + TILE_COLUMNS;
        for (size_t r = 0; r < count; r++) {
            float *to = stored + row_start(tensor, first + r);
            for (size_t c = tile; c < end; c++) {
                uint32_t bits = le32toh(rows[r * columns + c]);
                memcpy(&to[c * step], &bits, sizeof bits);
            }
        }
    }
}
