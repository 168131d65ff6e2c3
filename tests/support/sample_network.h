#ifndef LSTM_MPI_TESTS_SAMPLE_NETWORK_H
#define LSTM_MPI_TESTS_SAMPLE_NETWORK_H

/* Checkpoints of networks of any shape, for tests of the exchange with PyTorch. Every number is a function of
 * its tensor's path and its place. Functions end the program where their own calls fail. */

#include "lstm_mpi/model/cell.h"
#include "support/sample_snapshot.h"

struct network_shape {
    size_t gates, H, layers, directions, V, E; /* E 0: one-hot input */
    bool double_bias, tied;
};

enum { NETWORK_MAX_TENSORS = 64 };

struct network {
    struct tensor tensors[NETWORK_MAX_TENSORS];
    size_t count;
    struct network_shape shape;
};

static inline float network_number(const char *path, size_t element)
{
    uint64_t key = 0;
    for (; *path; path++)
        key = key * 131 + (unsigned char)*path;
    uint64_t mixed = (key + element * 977 + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return (float)((double)(mixed >> 40) / (1 << 24) - 0.5);
}

static inline void network_add(struct network *network, const char *path, size_t rows, size_t columns)
{
    struct error error;
    struct tensor *tensor = &network->tensors[network->count++];
    *tensor = (struct tensor){.split_dim = -1, .dim_count = columns > 0 ? 2 : 1, .dims = {rows, columns}};
    snprintf(tensor->path, sizeof tensor->path, "/model/%s", path);
    sample_demand(memory_new(&tensor->data, tensor_elements(tensor), &error), &error);
    for (size_t i = 0; i < tensor_elements(tensor); i++)
        tensor->data[i] = network_number(tensor->path, i);
}

static inline void network_add_layer(struct network *network, const struct network_shape *shape, size_t layer,
                                     size_t direction)
{
    char path[48];
    const char *reverse = direction == 1 ? "reverse/" : "";
    size_t GH = shape->gates * shape->H;
    size_t below = layer > 0 ? shape->H * shape->directions : shape->E > 0 ? shape->E : shape->V;
    snprintf(path, sizeof path, "layer%zu/%sW_x", layer, reverse);
    network_add(network, path, below, GH);
    snprintf(path, sizeof path, "layer%zu/%sW_h", layer, reverse);
    network_add(network, path, shape->H, GH);
    snprintf(path, sizeof path, "layer%zu/%sb", layer, reverse);
    network_add(network, path, GH, 0);
    snprintf(path, sizeof path, "layer%zu/%sb_h", layer, reverse);
    if (shape->double_bias)
        network_add(network, path, GH, 0);
}

static inline void network_make(struct network *network, const struct network_shape *shape)
{

    *network = (struct network){.shape = *shape};
    if (shape->E > 0)
        network_add(network, "embedding/W", shape->V, shape->E);
    for (size_t layer = 0; layer < shape->layers; layer++)
        for (size_t direction = 0; direction < shape->directions; direction++)
            network_add_layer(network, shape, layer, direction);
    if (!shape->tied)
        network_add(network, "output/W", shape->H * shape->directions, shape->V);
    network_add(network, "output/b", shape->V, 0);
}

static inline void network_free(struct network *network)
{
    for (size_t t = 0; t < network->count; t++)
        memory_free(network->tensors[t].data);
    network->count = 0;
}

static inline void network_write(const char *path, const struct comm *comm, const struct network *network,
                                 const struct vocabulary *vocabulary)
{
    struct error error;
    struct settings settings;
    const struct history history = {0};
    sample_demand(settings_defaults(&settings, SETTINGS_TRAIN, &error), &error);
    for (size_t i = 0; i < cell_count; i++) {
        if (cells[i].gates == network->shape.gates)
            settings.cell = (int)i;
    }
    settings.bias = network->shape.double_bias ? SETTINGS_BIAS_DOUBLE : SETTINGS_BIAS_SINGLE;
    settings.tie_weights = network->shape.tied;
    settings.lr = 0.1;
    settings.seed = UINT64_MAX;
    const struct snapshot snapshot = {
        .settings = &settings,
        .vocabulary = vocabulary,
        .tensors = network->tensors,
        .tensor_count = network->count,
        .history = &history,
    };
    sample_demand(checkpoint_write(comm, path, &snapshot, &error), &error);
    settings_free(&settings);
}

#endif
