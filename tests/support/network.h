#ifndef LSTM_MPI_TESTS_NETWORK_H
#define LSTM_MPI_TESTS_NETWORK_H

/* A network with random weights, a random batch and a random carried state, in float for the model and in
 * double for the reference. For cmocka tests of the room model. */

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/model.h"
#include "support/reference_network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct network {
    size_t V, H, rows, steps;
    struct model_spec spec;
    struct parameters parameters;
    struct packed_weights packed;
    float *packed_memory;
    struct model *model;
    float *weights;
    float *gradients;
    double *double_weights;
    double *h, *c; /* [layers · directions, rows, H]: the reference's state */
    double *masks; /* of the reference; NULL: none */
    uint32_t *inputs, *targets;
};

static inline size_t network_offset(const struct network *network, const char *path)
{
    return parameters_find(&network->parameters, path)->offset;
}

/* A number of the gradient by its tensor: a token's rows of all row tables lie side by side. */
static inline float network_gradient_of(const struct network *network, size_t tensor, size_t index)
{
    const struct parameters *parameters = &network->parameters;
    const struct parameter *parameter = &parameters->table[tensor];
    size_t first_table = parameters->count - parameters->row_table_count;
    if (tensor < first_table)
        return network->gradients[parameter->offset + index];
    size_t columns = parameter->dims[1];
    return network->gradients[parameters->dense_size + index / columns * parameters->row_size +
                              (tensor - first_table) * columns + index % columns];
}

/* After the weights were changed. In parts, as the ranks of a node do it. */
static inline void network_load(struct network *network)
{
    enum { PARTS = 3 };
    for (size_t i = 0; i < network->parameters.size; i++)
        network->double_weights[i] = (double)network->weights[i];
    for (size_t part = 0; part < PARTS; part++)
        packed_weights_pack(&network->packed, part, PARTS);
}

/* Both carried states become the random one. */
static inline void network_set_state(struct network *network)
{
    struct model_state state = model_state(network->model);
    for (size_t i = 0; i < state.floats; i++) {
        state.h[i] = (float)(0.5 * random_normal(1, 101, i));
        network->h[i] = (double)state.h[i];
        if (state.c)
            state.c[i] = (float)(0.5 * random_normal(1, 102, i));
        network->c[i] = state.c ? (double)state.c[i] : 0;
    }
}

static inline void network_create_of(struct network *network, const struct model_spec *spec, size_t rows,
                                     size_t steps)
{
    struct error error;
    size_t V = spec->vocabulary_size;
    *network = (struct network){.V = V, .H = spec->hidden_size, .rows = rows, .steps = steps, .spec = *spec};
    assert_int_equal(parameters_layout(&network->parameters, spec, &error), STATUS_OK);
    size_t size = network->parameters.size;
    assert_int_equal(memory_new(&network->weights, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->packed_memory, packed_weights_floats(spec), &error), STATUS_OK);
    assert_int_equal(
        packed_weights_place(&network->packed, spec, network->weights, network->packed_memory, &error),
        STATUS_OK);
    assert_int_equal(model_create(&network->model, spec, &network->packed, rows, steps, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->gradients, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->double_weights, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->h, model_state(network->model).floats, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->c, model_state(network->model).floats, &error), STATUS_OK);
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

/* One layer of LSTM. */
static inline void network_create(struct network *network, size_t V, size_t H, size_t rows, size_t steps)
{
    struct model_spec spec = {
        .vocabulary_size = V, .hidden_size = H, .cell = cell_find("lstm"), .num_layers = 1};
    network_create_of(network, &spec, rows, steps);
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
    memory_free(network->masks);
    memory_free(network->inputs);
    memory_free(network->targets);
}

/* The loss of the model, its gradients in `gradients`. */
static inline double network_gradients(struct network *network, float scale)
{
    struct model_batch batch = {
        .inputs = network->inputs, .targets = network->targets, .input_rows = network->inputs};
    memset(network->gradients + network->parameters.dense_size, 0,
           (network->parameters.size - network->parameters.dense_size) * sizeof *network->gradients);
    return model_gradients(network->model, &batch, scale, network->gradients, NULL);
}

/* Double weights of a tensor; NULL where there is none. */
static inline const double *network_tensor(const struct network *network, const struct parameter *parameter)
{
    return parameter ? network->double_weights + parameter->offset : NULL;
}

static inline struct reference_network network_reference(const struct network *network)
{
    const struct model_spec *spec = &network->spec;
    const struct parameters *parameters = &network->parameters;
    struct reference_network reference = {
        .cell = reference_cell_find(spec->cell->name),
        .V = network->V,
        .H = network->H,
        .E = spec->embedding_size,
        .layers = spec->num_layers,
        .directions = model_directions(spec),
        .rows = network->rows,
        .steps = network->steps,
        .embedding = network_tensor(network, parameters_find(parameters, "embedding/W")),
        .W = network_tensor(network, parameters_find(parameters, "output/W")),
        .b_output = network_tensor(network, parameters_find(parameters, "output/b")),
        .masks = network->masks,
    };
    reference.tied_W = spec->tie_weights ? reference.embedding : NULL;
    assert_true(spec->num_layers * reference.directions <= REFERENCE_MOST_DIRECTIONS);
    for (size_t place = 0; place < spec->num_layers * reference.directions; place++) {
        size_t layer = place / reference.directions;
        bool reverse = place % reference.directions > 0;
        static const char *const names[] = {"W_x", "W_h", "b", "b_h"};
        const double *tensors[4];
        for (size_t i = 0; i < 4; i++)
            tensors[i] =
                network_tensor(network, parameters_find_in_layer(parameters, layer, reverse, names[i]));
        reference.direction[place] =
            (struct reference_direction){tensors[0], tensors[1], tensors[2], tensors[3]};
    }
    return reference;
}

/* The loss of the reference, whose state goes on. */
static inline double network_reference_loss(struct network *network)
{
    struct reference_network reference = network_reference(network);
    return reference_network_loss(&reference, network->inputs, network->targets, network->h, network->c);
}

/* For cmocka_run_group_tests. */
static inline int network_start_blis(void **unused)
{
    (void)unused;
    struct error error;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

#endif
