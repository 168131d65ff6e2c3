/* The whole network against central differences of a reference in double: every tensor of every member of the
 * family, in shapes that fill panels and shapes that do not. */

#include "dropout.h"
#include "support/network.h"

#include <stdio.h>

struct shape {
    size_t V, H, rows, steps;
};

static const struct shape shapes[] = {
    {.V = 5, .H = 3, .rows = 1, .steps = 1},     {.V = 7, .H = 4, .rows = 2, .steps = 3},
    {.V = 40, .H = 17, .rows = 5, .steps = 4},   {.V = 11, .H = 8, .rows = 13, .steps = 2},
    {.V = 130, .H = 33, .rows = 12, .steps = 9},
};

enum { UPDATE = 12, FIRST_ROW = 5 };

static struct model_batch batch_of(const struct network *network)
{
    return (struct model_batch){network->inputs, network->targets, network->inputs, UPDATE, FIRST_ROW};
}

/* The reference's masks are those that the model will draw. */
static void copy_masks(struct network *network)
{
    struct error error;
    size_t floats = network->steps * network->rows * model_width(&network->spec);
    float *mask;
    assert_int_equal(memory_new(&mask, floats, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->masks, network->spec.num_layers * floats, &error), STATUS_OK);
    for (size_t layer = 0; layer < network->spec.num_layers; layer++) {
        struct dropout_address address = {network->spec.dropout_seed, UPDATE, layer, FIRST_ROW};
        dropout_mask(mask, &address, network->spec.dropout, network->steps, network->rows,
                     model_width(&network->spec));
        for (size_t i = 0; i < floats; i++)
            network->masks[layer * floats + i] = (double)mask[i];
    }
    memory_free(mask);
}

static double loss_at(struct network *network, size_t index, double value)
{
    double before = network->double_weights[index];
    network->double_weights[index] = value;
    network_set_state(network);
    double loss = network_reference_loss(network);
    network->double_weights[index] = before;
    return loss;
}

static double model_loss(struct network *network, float scale)
{
    struct model_batch batch = batch_of(network);
    memset(network->gradients, 0, network->parameters.size * sizeof *network->gradients);
    network_set_state(network);
    return model_gradients(network->model, &batch, scale, network->gradients, NULL);
}

static void describe(char text[128], const struct model_spec *spec)
{
    snprintf(text, 128, "%s, %zu layers, %s, embedding %zu%s, %s bias, dropout %g", spec->cell->name,
             spec->num_layers, spec->bidirectional ? "both directions" : "forward", spec->embedding_size,
             spec->tie_weights ? " (tied)" : "", spec->double_bias ? "double" : "single", spec->dropout);
}

static void check_state(const struct network *network, const char *what)
{
    struct model_state state = model_state(network->model);
    for (size_t i = 0; i < state.floats; i++) {
        if (fabs((double)state.h[i] - network->h[i]) > 1e-5 ||
            (state.c && fabs((double)state.c[i] - network->c[i]) > 1e-5))
            fail_msg("%s: the carried state is wrong at %zu", what, i);
    }
}

static void check_loss(double loss, double expected, const char *what)
{
    if (fabs(loss - expected) > 2e-6 * expected)
        fail_msg("%s: the loss is %.9g instead of %.9g", what, loss, expected);
}

/* About `samples` numbers of each tensor. */
static void check_gradients(struct network *network, double scale, size_t samples, const char *what)
{
    static const double step = 1e-5;
    for (size_t i = 0; i < network->parameters.count; i++) {
        const struct parameter *parameter = &network->parameters.table[i];
        size_t size = parameters_tensor_size(parameter);
        for (size_t k = 0; k < size; k += size / samples + 1) {
            size_t index = parameter->offset + k;
            double weight = network->double_weights[index];
            double above = loss_at(network, index, weight + step);
            double below = loss_at(network, index, weight - step);
            double difference = (above - below) / (2 * step) * scale;
            double gradient = (double)network_gradient_of(network, i, k);
            if (fabs(gradient - difference) > 1e-6 + 1e-4 * fabs(difference))
                fail_msg("%s: %s[%zu] is %.9g, by differences %.9g", what, parameter->path, k, gradient,
                         difference);
        }
    }
}

static double same(void *context, double largest)
{
    (void)context;
    return largest;
}

/* Of the sums: what inputs add to a tied embedding is added here. */
static void round_sums(struct network *network, double *sums)
{
    const struct parameters *parameters = &network->parameters;
    size_t E = network->spec.embedding_size;
    if (network->spec.tie_weights) {
        double *table = sums + network_offset(network, "embedding/W");
        for (size_t i = 0; i < network->V * E; i++)
            table[i] += sums[parameters->dense_size + i];
    }
    for (size_t i = 0; i < parameters->size; i++)
        network->gradients[i] = (float)sums[i];
}

/* As model_loss, with a model of its own. */
static double exact_loss(struct network *network, float scale)
{
    struct error error;
    struct model *plain = network->model;
    size_t rows = network->rows;
    struct exact_gradients exact = {.positions = rows * network->steps, .largest_of_all = same};
    size_t token_rows = network->V * network->parameters.token_row_size;
    double loss = 0;
    assert_int_equal(
        model_create_exact(&network->model, &network->spec, &network->packed, rows, network->steps, &error),
        STATUS_OK);
    assert_int_equal(memory_new(&exact.sums, network->parameters.size + token_rows, &error), STATUS_OK);
    assert_int_equal(memory_new(&exact.row_losses, rows, &error), STATUS_OK);
    struct model_batch batch = batch_of(network);
    network_set_state(network);
    model_gradients_exact(network->model, &batch, scale, &exact);
    for (size_t row = 0; row < rows; row++)
        loss += exact.row_losses[row];
    round_sums(network, exact.sums);
    model_destroy(network->model);
    network->model = plain;
    memory_free(exact.sums);
    memory_free(exact.row_losses);
    return loss;
}

/* Exact sums against the plain ones that are in network->gradients. */
static void check_exact(struct network *network, float scale, double expected, const char *what)
{
    struct error error;
    size_t size = network->parameters.size;
    float *plain;
    assert_int_equal(memory_new(&plain, size, &error), STATUS_OK);
    memcpy(plain, network->gradients, size * sizeof *plain);
    check_loss(exact_loss(network, scale), expected, what);
    for (size_t i = 0; i < size; i++) {
        if (fabsf(network->gradients[i] - plain[i]) > 1e-6F + 1e-4F * fabsf(plain[i]))
            fail_msg("%s: exact gradient %zu is %.9g, the plain one %.9g", what, i,
                     (double)network->gradients[i], (double)plain[i]);
    }
    memory_free(plain);
}

static void check_network(const struct model_spec *spec, size_t rows, size_t steps, size_t samples)
{
    struct network network;
    char what[128];
    float scale = 1 / (float)(rows * steps);
    describe(what, spec);
    network_create_of(&network, spec, rows, steps);
    if (spec->dropout > 0)
        copy_masks(&network);
    double loss = model_loss(&network, scale);
    double expected = network_reference_loss(&network);
    check_loss(loss, expected, what);
    check_state(&network, what);
    check_gradients(&network, (double)scale, samples, what);
    check_exact(&network, scale, expected, what);
    network_destroy(&network);
}

static void every_shape_agrees_with_central_differences(void **unused)
{
    (void)unused;
    for (size_t cell = 0; cell < cell_count; cell++) {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            struct model_spec spec = {.vocabulary_size = shapes[s].V,
                                      .hidden_size = shapes[s].H,
                                      .cell = &cells[cell],
                                      .num_layers = 1};
            check_network(&spec, shapes[s].rows, shapes[s].steps, 60);
        }
    }
}

/* Cells × layers × directions × bias × embedding × dropout. */
static void every_member_agrees_with_central_differences(void **unused)
{
    (void)unused;
    static const size_t embedding_sizes[] = {0, 7, 5};
    for (size_t member = 0; member < cell_count * 3 * 2 * 2 * 3 * 2; member++) {
        size_t choice = member;
        struct model_spec spec = {.vocabulary_size = 9, .hidden_size = 5, .dropout_seed = 4};
        spec.cell = &cells[choice % cell_count];
        choice /= cell_count;
        spec.num_layers = 1 + choice % 3;
        choice /= 3;
        spec.bidirectional = choice % 2;
        choice /= 2;
        spec.double_bias = choice % 2;
        choice /= 2;
        spec.embedding_size = embedding_sizes[choice % 3];
        choice /= 3;
        spec.dropout = choice % 2 ? 0.4 : 0;
        spec.tie_weights = spec.embedding_size == model_width(&spec);
        check_network(&spec, 3, 4, 12);
    }
}

/* Wider than panels, more rows than a block. */
static void large_members_agree_with_central_differences(void **unused)
{
    (void)unused;
    for (size_t cell = 0; cell < cell_count; cell++) {
        struct model_spec spec = {.vocabulary_size = 70,
                                  .hidden_size = 37,
                                  .cell = &cells[cell],
                                  .num_layers = 2,
                                  .embedding_size = 37,
                                  .tie_weights = true,
                                  .double_bias = true,
                                  .dropout = 0.3};
        check_network(&spec, 60, 4, 4);
        spec.tie_weights = false;
        spec.bidirectional = true;
        spec.embedding_size = 50;
        check_network(&spec, 49, 4, 4);
    }
}

/* So many positions that the gradients of weights are summed in pieces, of unlike length, of one step too. */
static void many_positions_agree_with_central_differences(void **unused)
{
    (void)unused;
    for (size_t cell = 0; cell < cell_count; cell++) {
        struct model_spec spec = {.vocabulary_size = 9,
                                  .hidden_size = 5,
                                  .cell = &cells[cell],
                                  .num_layers = 2,
                                  .bidirectional = true,
                                  .double_bias = true};
        check_network(&spec, 90, 16, 4);
        check_network(&spec, 650, 3, 2);
    }
}

/* Under the same masks as the gradients, and from the same state. */
static void losses_of_a_batch_are_those_of_its_gradients(void **unused)
{
    (void)unused;
    enum { ROWS = 3, STEPS = 4 };
    for (size_t member = 0; member < cell_count * 2; member++) {
        struct network network;
        struct model_spec spec = {.vocabulary_size = 40,
                                  .hidden_size = 17,
                                  .cell = &cells[member / 2],
                                  .num_layers = 2,
                                  .bidirectional = member % 2,
                                  .dropout = 0.5,
                                  .dropout_seed = 4};
        double losses[ROWS * STEPS];
        double sum = 0;
        network_create_of(&network, &spec, ROWS, STEPS);
        double expected = model_loss(&network, 1);
        float state = model_state(network.model).h[0];
        struct model_batch batch = batch_of(&network);
        network_set_state(&network);
        model_batch_losses(network.model, &batch, losses);
        for (size_t i = 0; i < ROWS * STEPS; i++)
            sum += losses[i];
        assert_true(fabs(sum - expected) < 1e-6 * expected);
        assert_true(model_state(network.model).h[0] == state);
        network_set_state(&network);
        batch.update++;
        model_batch_losses(network.model, &batch, losses);
        assert_true(model_state(network.model).h[0] == state);
        sum = -expected;
        for (size_t i = 0; i < ROWS * STEPS; i++)
            sum += losses[i];
        assert_true(fabs(sum) > 1e-4 * expected);
        network_destroy(&network);
    }
}

static void without_rows_there_is_nothing_to_do(void **unused)
{
    (void)unused;
    for (size_t cell = 0; cell < cell_count; cell++) {
        struct network network;
        struct model *empty;
        struct error error;
        struct model_spec spec = {.vocabulary_size = 40,
                                  .hidden_size = 17,
                                  .cell = &cells[cell],
                                  .num_layers = 2,
                                  .bidirectional = true,
                                  .embedding_size = 5,
                                  .dropout = 0.5};
        double loss = 1;
        network_create_of(&network, &spec, 1, 4);
        assert_int_equal(model_create(&empty, &spec, &network.packed, 0, 4, &error), STATUS_OK);
        assert_int_equal(model_state(empty).floats, 0);
        model_zero_state(empty);
        model_losses(empty, NULL, NULL, 4, &loss);
        struct model_batch batch = {.first_row = 1};
        model_batch_losses(empty, &batch, &loss);
        assert_true(loss == 1);
        model_destroy(empty);
        network_destroy(&network);
    }
}

/* Through model_step each step is a window of its own, without dropout. */
static void steps_give_the_logits_of_the_next_token(void **unused)
{
    (void)unused;
    enum { ROWS = 3, STEPS = 4, V = 40 };
    for (size_t member = 0; member < cell_count * 2; member++) {
        struct network network;
        struct model_spec spec = {.vocabulary_size = V,
                                  .hidden_size = 17,
                                  .cell = &cells[member / 2],
                                  .num_layers = 2,
                                  .embedding_size = 6,
                                  .bidirectional = member % 2,
                                  .dropout = 0.5};
        float logits[ROWS * V];
        network_create_of(&network, &spec, ROWS, STEPS);
        double loss = 0;
        for (size_t step = 0; step < STEPS; step++) {
            model_step(network.model, network.inputs + step * ROWS, logits);
            for (size_t row = 0; row < ROWS; row++) {
                double total = 0;
                for (size_t v = 0; v < V; v++)
                    total += exp((double)logits[row * V + v]);
                loss += log(total) - (double)logits[row * V + network.targets[step * ROWS + row]];
            }
        }
        struct reference_network reference = network_reference(&network);
        double expected =
            reference_network_step_loss(&reference, network.inputs, network.targets, network.h, network.c);
        assert_true(fabs(loss - expected) < 1e-5 * expected);
        check_state(&network, spec.cell->name);
        network_destroy(&network);
    }
}

static void gradients_go_to_the_rows_that_the_batch_names(void **unused)
{
    (void)unused;
    enum { V = 30, POSITIONS = 8 };
    for (size_t member = 0; member < 3; member++) {
        struct network network;
        struct model_spec spec = {.vocabulary_size = V,
                                  .hidden_size = 5,
                                  .cell = cell_find("lstm"),
                                  .num_layers = 1,
                                  .bidirectional = member == 1,
                                  .embedding_size = member == 2 ? 4 : 0};
        uint32_t rows[POSITIONS];
        for (uint32_t i = 0; i < POSITIONS; i++)
            rows[i] = i;
        network_create_of(&network, &spec, 2, POSITIONS / 2);
        size_t row_size = network.parameters.row_size;
        size_t dense = network.parameters.dense_size;
        float by_row[V][40] = {{0}};
        assert_true(row_size <= 40);
        struct model_batch batch = batch_of(&network);
        batch.input_rows = rows;
        model_gradients(network.model, &batch, 1, network.gradients, NULL);
        for (size_t i = 0; i < POSITIONS; i++) {
            for (size_t j = 0; j < row_size; j++)
                by_row[network.inputs[i]][j] += network.gradients[dense + i * row_size + j];
        }
        model_loss(&network, 1);
        for (size_t v = 0; v < V; v++) {
            for (size_t j = 0; j < row_size; j++)
                assert_true(fabsf(by_row[v][j] - network.gradients[dense + v * row_size + j]) < 1e-6F);
        }
        network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_agrees_with_central_differences),
        cmocka_unit_test(every_member_agrees_with_central_differences),
        cmocka_unit_test(large_members_agree_with_central_differences),
        cmocka_unit_test(many_positions_agree_with_central_differences),
        cmocka_unit_test(losses_of_a_batch_are_those_of_its_gradients),
        cmocka_unit_test(without_rows_there_is_nothing_to_do),
        cmocka_unit_test(steps_give_the_logits_of_the_next_token),
        cmocka_unit_test(gradients_go_to_the_rows_that_the_batch_names),
    };
    return cmocka_run_group_tests(tests, network_start_blis, NULL);
}
