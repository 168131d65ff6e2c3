#ifndef LSTM_MPI_TESTS_NETWORK_H
#define LSTM_MPI_TESTS_NETWORK_H

/* A network with random weights, a random batch and a random carried state, in float for the model and in
 * double for the reference. For cmocka tests of the room model. */

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/model.h"
#include "support/reference_lstm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct network {
    size_t V, H, rows, steps;
    struct parameters parameters;
    struct packed_weights packed;
    float *packed_memory;
    struct model *model;
    float *weights;
    float *gradients;
    double *double_weights;
    double *h, *c; /* [rows, H]: the reference's state */
    uint32_t *inputs, *targets;
};

static inline size_t network_offset(const struct network *network, const char *path)
{
    return parameters_find(&network->parameters, path)->offset;
}

/* After the weights were changed. */
static inline void network_load(struct network *network)
{
    for (size_t i = 0; i < network->parameters.size; i++)
        network->double_weights[i] = (double)network->weights[i];
    packed_weights_pack(&network->packed, 0, 1);
}

/* Both carried states become the random one. */
static inline void network_set_state(struct network *network)
{
    struct model_state state = model_state(network->model);
    for (size_t i = 0; i < network->rows * network->H; i++) {
        state.h[i] = (float)(0.5 * random_normal(1, 101, i));
        state.c[i] = (float)(0.5 * random_normal(1, 102, i));
        network->h[i] = (double)state.h[i];
        network->c[i] = (double)state.c[i];
    }
}

static inline void network_create(struct network *network, size_t V, size_t H, size_t rows, size_t steps)
{
    struct error error;
    struct model_spec spec = {V, H, cell_find("lstm")};
    *network = (struct network){.V = V, .H = H, .rows = rows, .steps = steps};
    assert_int_equal(parameters_layout(&network->parameters, &spec, &error), STATUS_OK);
    size_t size = network->parameters.size;
    assert_int_equal(memory_new(&network->weights, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->packed_memory, packed_weights_floats(&spec), &error), STATUS_OK);
    assert_int_equal(
        packed_weights_place(&network->packed, &spec, network->weights, network->packed_memory, &error),
        STATUS_OK);
    assert_int_equal(model_create(&network->model, &spec, &network->packed, rows, steps, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->gradients, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->double_weights, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->h, rows * H, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->c, rows * H, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->inputs, rows * steps, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->targets, rows * steps, &error), STATUS_OK);
    for (size_t i = 0; i < network->parameters.count; i++) {
        const struct parameter *parameter = &network->parameters.table[i];
        for (size_t k = 0; k < parameters_tensor_size(parameter); k++)
            network->weights[parameter->offset + k] = (float)(0.4 * random_normal(1, i, k));
    }
    for (size_t i = 0; i < rows * steps; i++) {
        network->inputs[i] = (uint32_t)random_below(1, 103, i, V);
        network->targets[i] = (uint32_t)random_below(1, 104, i, V);
    }
    network_load(network);
    network_set_state(network);
}

static inline void network_destroy(struct network *network)
{
    model_destroy(network->model);
    memory_free(network->weights);
    memory_free(network->packed_memory);
    memory_free(network->gradients);
    memory_free(network->double_weights);
    memory_free(network->h);
    memory_free(network->c);
    memory_free(network->inputs);
    memory_free(network->targets);
}

/* The loss of the model, its gradients in `gradients`. */
static inline double network_gradients(struct network *network, float scale)
{
    struct model_batch batch = {network->inputs, network->targets, network->inputs};
    memset(network->gradients + network->parameters.dense_size, 0,
           (network->parameters.size - network->parameters.dense_size) * sizeof *network->gradients);
    return model_gradients(network->model, &batch, scale, network->gradients, NULL);
}

/* The loss of the reference, whose state goes on. */
static inline double network_reference_loss(struct network *network)
{
    const double *weights = network->double_weights;
    struct reference_lstm lstm = {
        .V = network->V,
        .H = network->H,
        .rows = network->rows,
        .steps = network->steps,
        .W_x = weights + network_offset(network, "layer0/W_x"),
        .W_h = weights + network_offset(network, "layer0/W_h"),
        .b = weights + network_offset(network, "layer0/b"),
        .W = weights + network_offset(network, "output/W"),
        .b_output = weights + network_offset(network, "output/b"),
    };
    return reference_lstm_loss(&lstm, network->inputs, network->targets, network->h, network->c);
}

/* For cmocka_run_group_tests. */
static inline int network_start_blis(void **unused)
{
    (void)unused;
    struct error error;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

#endif
