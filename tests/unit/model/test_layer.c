/* The recurrent layer through time: the state that is carried on, and what of it the gradient sees. */

#include "support/network.h"

#include <stdbool.h>

enum { V = 19, H = 13, ROWS = 5, STEPS = 3 };

static const size_t state_bytes = ROWS * H * sizeof(float);

static bool state_agrees(const struct network *network, double tolerance)
{
    struct model_state state = model_state(network->model);
    for (size_t i = 0; i < network->rows * network->H; i++) {
        if (fabs((double)state.h[i] - network->h[i]) > tolerance ||
            fabs((double)state.c[i] - network->c[i]) > tolerance)
            return false;
    }
    return true;
}

static void the_state_goes_on_from_batch_to_batch(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, V, H, ROWS, STEPS);
    for (size_t batch = 0; batch < 4; batch++) {
        double loss = network_gradients(&network, 1);
        double expected = network_reference_loss(&network);
        assert_true(fabs(loss - expected) < 1e-6 * expected);
        assert_true(state_agrees(&network, 1e-5));
    }
    network_destroy(&network);
}

/* As if the state had been written there by hand: nothing else is remembered. */
static void the_gradient_ends_at_the_carried_state(void **unused)
{
    (void)unused;
    struct network first;
    struct network fresh;
    network_create(&first, V, H, ROWS, STEPS);
    network_create(&fresh, V, H, ROWS, STEPS);
    network_gradients(&first, 1);
    memcpy(model_state(fresh.model).h, model_state(first.model).h, state_bytes);
    memcpy(model_state(fresh.model).c, model_state(first.model).c, state_bytes);
    assert_true(network_gradients(&first, 1) == network_gradients(&fresh, 1));
    assert_memory_equal(first.gradients, fresh.gradients, first.parameters.size * sizeof(float));
    network_destroy(&first);
    network_destroy(&fresh);
}

static void single_steps_lead_to_the_same_state(void **unused)
{
    (void)unused;
    struct network network;
    float logits[ROWS * V];
    network_create(&network, V, H, ROWS, STEPS);
    for (size_t step = 0; step < STEPS; step++)
        model_step(network.model, network.inputs + step * ROWS, logits);
    network_reference_loss(&network);
    assert_true(state_agrees(&network, 1e-6));
    network_destroy(&network);
}

static void after_zero_state_all_begins_again(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, V, H, ROWS, STEPS);
    model_zero_state(network.model);
    for (size_t i = 0; i < ROWS * H; i++)
        assert_true(model_state(network.model).h[i] == 0 && model_state(network.model).c[i] == 0);
    double loss = network_gradients(&network, 1);
    network_gradients(&network, 1);
    model_zero_state(network.model);
    assert_true(network_gradients(&network, 1) == loss);
    network_destroy(&network);
}

/* With one step, dW_h = h_previous ⊗ da, and db is the sum of da: without a state there is no dW_h. */
static void one_step_sees_the_state_before_it(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, V, H, 1, 1);
    float h_previous[H];
    memcpy(h_previous, model_state(network.model).h, sizeof h_previous);
    network_gradients(&network, 1);
    const float *dW_h = network.gradients + network_offset(&network, "layer0/W_h");
    const float *db = network.gradients + network_offset(&network, "layer0/b");
    for (size_t k = 0; k < H; k++) {
        for (size_t j = 0; j < (size_t)4 * H; j++)
            assert_true(fabsf(dW_h[k * 4 * H + j] - h_previous[k] * db[j]) < 1e-6F);
    }
    model_zero_state(network.model);
    network_gradients(&network, 1);
    for (size_t i = 0; i < (size_t)H * 4 * H; i++)
        assert_true(dW_h[i] == 0);
    network_destroy(&network);
}

static void dense_gradients_are_written_and_rows_added_to(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, V, H, ROWS, STEPS);
    size_t dense = network.parameters.dense_size;
    size_t size = network.parameters.size;
    float *expected;
    struct error error;
    assert_int_equal(memory_new(&expected, size, &error), STATUS_OK);
    network_gradients(&network, 1);
    memcpy(expected, network.gradients, size * sizeof *expected);
    for (size_t i = dense; i < size; i++)
        network.gradients[i] = 1;
    for (size_t t = 0; t < network.parameters.count; t++) {
        const struct parameter *parameter = &network.parameters.table[t];
        for (size_t i = 0; parameter->offset < dense && i < parameters_tensor_size(parameter); i++)
            network.gradients[parameter->offset + i] = 77;
    }
    network_set_state(&network);
    struct model_batch batch = {
        .inputs = network.inputs, .targets = network.targets, .input_rows = network.inputs};
    model_gradients(network.model, &batch, 1, network.gradients, NULL);
    assert_memory_equal(network.gradients, expected, dense * sizeof *expected);
    const float *dW_x = network.gradients + network_offset(&network, "layer0/W_x");
    for (size_t i = 0; i < (size_t)V * 4 * H; i++)
        assert_true(fabsf(dW_x[i] - 1 - expected[dense + i]) < 1e-5F);
    memory_free(expected);
    network_destroy(&network);
}

/* One row of a batch, from the state that it has there. */
static double row_alone(struct network *one, const struct network *all, size_t row)
{
    struct model_state from = model_state(all->model);
    struct model_state to = model_state(one->model);
    for (size_t t = 0; t < one->steps; t++) {
        one->inputs[t] = all->inputs[t * all->rows + row];
        one->targets[t] = all->targets[t * all->rows + row];
    }
    memcpy(to.h, from.h + row * one->H, one->H * sizeof *to.h);
    if (to.c)
        memcpy(to.c, from.c + row * one->H, one->H * sizeof *to.c);
    return network_gradients(one, 1);
}

/* The gradient of a batch is the sum of those of its rows, and the state of each the same, bit for bit,
 * whatever rows are worked on together. */
static void check_rows_apart(const struct model_spec *spec, size_t rows, size_t steps)
{
    struct network all;
    struct network one;
    network_create_of(&all, spec, rows, steps);
    network_create_of(&one, spec, 1, steps);
    size_t size = all.parameters.size;
    double *sum;
    float *states;
    struct error error;
    assert_int_equal(memory_new(&sum, size, &error), STATUS_OK);
    assert_int_equal(memory_new(&states, rows * all.H, &error), STATUS_OK);
    double losses = 0;
    for (size_t row = 0; row < rows; row++) {
        losses += row_alone(&one, &all, row);
        memcpy(states + row * all.H, model_state(one.model).h, all.H * sizeof *states);
        for (size_t i = 0; i < size; i++)
            sum[i] += (double)one.gradients[i];
    }
    double tolerance = 2e-6 * (double)rows;
    assert_true(fabs(network_gradients(&all, 1) - losses) < tolerance);
    assert_memory_equal(model_state(all.model).h, states, rows * all.H * sizeof *states);
    for (size_t i = 0; i < size; i++)
        assert_true(fabs((double)all.gradients[i] - sum[i]) < tolerance);
    memory_free(sum);
    memory_free(states);
    network_destroy(&all);
    network_destroy(&one);
}

/* A few rows, and more than are worked on together; products that are packed, and that are not. */
static void rows_do_not_know_of_each_other(void **unused)
{
    (void)unused;
    struct model_spec spec = {.vocabulary_size = V, .hidden_size = H, .num_layers = 1};
    for (size_t i = 0; i < cell_count; i++) {
        spec.cell = &cells[i];
        spec.double_bias = i > 0;
        check_rows_apart(&spec, ROWS, STEPS);
        check_rows_apart(&spec, 450, STEPS);
    }
    spec.cell = cell_find("rnn");
    spec.hidden_size = 520;
    check_rows_apart(&spec, 150, 2);
}

static void the_padding_has_no_gradient(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, V, H, ROWS, STEPS);
    network_gradients(&network, 1);
    for (size_t t = 0; t < network.parameters.count; t++) {
        const struct parameter *parameter = &network.parameters.table[t];
        size_t next = t + 1 < network.parameters.count ? network.parameters.table[t + 1].offset
                                                       : network.parameters.size;
        for (size_t i = parameter->offset + parameters_tensor_size(parameter); i < next; i++)
            assert_true(network.gradients[i] == 0);
    }
    network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_goes_on_from_batch_to_batch),
        cmocka_unit_test(the_gradient_ends_at_the_carried_state),
        cmocka_unit_test(single_steps_lead_to_the_same_state),
        cmocka_unit_test(after_zero_state_all_begins_again),
        cmocka_unit_test(one_step_sees_the_state_before_it),
        cmocka_unit_test(dense_gradients_are_written_and_rows_added_to),
        cmocka_unit_test(rows_do_not_know_of_each_other),
        cmocka_unit_test(the_padding_has_no_gradient),
    };
    return cmocka_run_group_tests(tests, network_start_blis, NULL);
}
