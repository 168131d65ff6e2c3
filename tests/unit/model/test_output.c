/* The output layer behind one time step, whose H the reference tells: more rows than a block of logits holds,
 * and vocabularies around the widths of panels. */

#include "output.h"
#include "support/network.h"

#include <stdbool.h>

static const size_t vocabularies[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 97};
static const size_t row_counts[] = {1, 5, 95, 96, 97, 193, 300};

/* Logits of the reference: h of a row times W, plus b. */
static double logit_of(const struct network *network, size_t row, size_t v)
{
    const double *W = network->double_weights + network_offset(network, "output/W");
    double logit = network->double_weights[network_offset(network, "output/b") + v];
    for (size_t k = 0; k < network->H; k++)
        logit += network->h[row * network->H + k] * W[k * network->V + v];
    return logit;
}

static void check_logits(struct network *network)
{
    float *logits;
    struct error error;
    assert_int_equal(memory_new(&logits, network->rows * network->V, &error), STATUS_OK);
    network_set_state(network);
    model_step(network->model, network->inputs, logits);
    network_reference_loss(network);
    for (size_t row = 0; row < network->rows; row++) {
        for (size_t v = 0; v < network->V; v++)
            assert_true(fabs((double)logits[row * network->V + v] - logit_of(network, row, v)) < 1e-5);
    }
    memory_free(logits);
}

/* d loss / d logit of every row, [rows, V]: softmax - onehot. */
static double *logit_gradients(const struct network *network)
{
    double *gradients;
    struct error error;
    assert_int_equal(memory_new(&gradients, network->rows * network->V, &error), STATUS_OK);
    for (size_t row = 0; row < network->rows; row++) {
        double *of_row = gradients + row * network->V;
        double total = 0;
        for (size_t v = 0; v < network->V; v++)
            total += of_row[v] = exp(logit_of(network, row, v));
        for (size_t v = 0; v < network->V; v++)
            of_row[v] = of_row[v] / total - (v == network->targets[row] ? 1 : 0);
    }
    return gradients;
}

static bool agrees(float gradient, double expected)
{
    return fabs((double)gradient - expected) < 1e-5 + 1e-5 * fabs(expected);
}

static void check_weight_gradients(const struct network *network, const double *dlogits, double scale)
{
    const float *dW = network->gradients + network_offset(network, "output/W");
    const float *db = network->gradients + network_offset(network, "output/b");
    for (size_t v = 0; v < network->V; v++) {
        double expected = 0;
        for (size_t row = 0; row < network->rows; row++)
            expected += scale * dlogits[row * network->V + v];
        assert_true(agrees(db[v], expected));
        for (size_t k = 0; k < network->H; k++) {
            expected = 0;
            for (size_t row = 0; row < network->rows; row++)
                expected += scale * dlogits[row * network->V + v] * network->h[row * network->H + k];
            assert_true(agrees(dW[k * network->V + v], expected));
        }
    }
}

/* The gradient of H is not seen from outside; what the layer makes of it is. */
static void check_state_gradient(struct network *network, double scale)
{
    static const double step = 1e-5;
    size_t b = network_offset(network, "layer0/b");
    for (size_t j = 0; j < 4 * network->H; j++) {
        double *weight = network->double_weights + b + j;
        double value = *weight;
        *weight = value + step;
        network_set_state(network);
        double above = network_reference_loss(network);
        *weight = value - step;
        network_set_state(network);
        double below = network_reference_loss(network);
        *weight = value;
        assert_true(agrees(network->gradients[b + j], scale * (above - below) / (2 * step)));
    }
}

static void check_shape(size_t V, size_t H, size_t rows)
{
    struct network network;
    double scale = 1 / (double)rows;
    network_create(&network, V, H, rows, 1);
    check_logits(&network);
    network_set_state(&network);
    memset(network.gradients, 0x5A, network.parameters.dense_size * sizeof(float));
    double loss = network_gradients(&network, (float)scale);
    double expected = network_reference_loss(&network);
    if (fabs(loss - expected) > 1e-6 * (double)rows)
        fail_msg("V %zu, H %zu, %zu rows: loss %.9g instead of %.9g", V, H, rows, loss, expected);
    double *dlogits = logit_gradients(&network);
    check_weight_gradients(&network, dlogits, scale);
    check_state_gradient(&network, scale);
    memory_free(dlogits);
    network_destroy(&network);
}

static void every_vocabulary_agrees_with_the_reference(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++) {
        check_shape(vocabularies[i], 5, 7);
        check_shape(vocabularies[i], 1, 3);
    }
}

static void every_number_of_rows_agrees_with_the_reference(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof row_counts / sizeof row_counts[0]; i++) {
        check_shape(33, 5, row_counts[i]);
        check_shape(1, 2, row_counts[i]);
    }
}

/* Gradients of h, row by row or all at once. */
static void state_gradients(const struct network *network, size_t rows_at_once, float *dh)
{
    struct output output;
    struct output_gradients gradients;
    struct phase_times times = {0};
    struct error error;
    size_t V = network->V;
    size_t H = network->H;
    assert_int_equal(output_create(&output, &network->packed, rows_at_once, 0, &error), STATUS_OK);
    assert_int_equal(memory_new(&gradients.W, H * V, &error), STATUS_OK);
    assert_int_equal(memory_new(&gradients.b, V, &error), STATUS_OK);
    const float *h = model_state(network->model).h;
    for (size_t row = 0; row < network->rows; row += rows_at_once)
        output_loss(&output, h + row * H, network->targets + row, rows_at_once, 1, dh + row * H, &gradients,
                    &times);
    memory_free(gradients.W);
    memory_free(gradients.b);
    output_free(&output);
}

/* A W that no L2 cache of today holds is gone through otherwise than a small one. */
static void rows_before_a_large_vocabulary_do_not_depend_on_each_other(void **unused)
{
    (void)unused;
    struct network network;
    float *together;
    float *alone;
    struct error error;
    network_create(&network, 600, 1100, 101, 1);
    size_t floats = network.rows * network.H;
    assert_int_equal(memory_new(&together, floats, &error), STATUS_OK);
    assert_int_equal(memory_new(&alone, floats, &error), STATUS_OK);
    state_gradients(&network, network.rows, together);
    state_gradients(&network, 1, alone);
    assert_memory_equal(together, alone, floats * sizeof *together);
    memory_free(together);
    memory_free(alone);
    network_destroy(&network);
}

/* One token alone is certain: nothing to learn. */
static void a_vocabulary_of_one_costs_nothing(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, 1, 4, 3, 5);
    assert_true(network_gradients(&network, 1) == 0);
    for (size_t i = 0; i < network.parameters.size; i++)
        assert_true(network.gradients[i] == 0);
    network_destroy(&network);
}

static void logits_beyond_the_reach_of_exp_have_a_loss(void **unused)
{
    (void)unused;
    struct network network;
    network_create(&network, 20, 3, 2, 1);
    float *b = network.weights + network_offset(&network, "output/b");
    for (size_t v = 0; v < 20; v++)
        b[v] = v == 4 ? 2000 : v == 5 ? 1990 : -2000;
    memset(network.weights + network_offset(&network, "output/W"), 0, (size_t)60 * sizeof(float));
    network_load(&network);
    network.targets[0] = 4;
    network.targets[1] = 19;
    double loss = network_gradients(&network, 1);
    assert_true(fabs(loss - (2 * log1p(exp(-10)) + 4000)) < 1e-3);
    for (size_t i = 0; i < network.parameters.size; i++)
        assert_true(isfinite(network.gradients[i]));
    network_destroy(&network);
}

/* Softmax does not see a number that is added to all logits, however far it takes them. */
static void logits_far_from_zero_have_the_same_gradients(void **unused)
{
    (void)unused;
    static const float distances[] = {60, -60, 300, -300};
    struct network network;
    float *expected;
    struct error error;
    network_create(&network, 53, 5, 40, 1);
    size_t size = network.parameters.dense_size;
    float *b = network.weights + network_offset(&network, "output/b");
    assert_int_equal(memory_new(&expected, size, &error), STATUS_OK);
    network_set_state(&network);
    double expected_loss = network_gradients(&network, 1);
    memcpy(expected, network.gradients, size * sizeof *expected);
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        for (size_t v = 0; v < network.V; v++)
            b[v] += distances[i];
        network_load(&network);
        network_set_state(&network);
        assert_true(fabs(network_gradients(&network, 1) - expected_loss) < 1e-2);
        for (size_t j = 0; j < size; j++)
            assert_true(fabsf(network.gradients[j] - expected[j]) < 1e-3F);
        for (size_t v = 0; v < network.V; v++)
            b[v] -= distances[i];
    }
    memory_free(expected);
    network_destroy(&network);
}

static void a_weight_that_is_no_number_shows_in_the_loss(void **unused)
{
    (void)unused;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t v = 0; v < 20; v += 19) {
            struct network network;
            network_create(&network, 20, 3, 2, 1);
            network.targets[0] = network.targets[1] = (uint32_t)v;
            network.weights[network_offset(&network, "output/b") + v] = bad[i];
            network_load(&network);
            double loss = network_gradients(&network, 1);
            assert_true(!isfinite(loss));
            network_destroy(&network);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vocabulary_agrees_with_the_reference),
        cmocka_unit_test(every_number_of_rows_agrees_with_the_reference),
        cmocka_unit_test(rows_before_a_large_vocabulary_do_not_depend_on_each_other),
        cmocka_unit_test(a_vocabulary_of_one_costs_nothing),
        cmocka_unit_test(logits_beyond_the_reach_of_exp_have_a_loss),
        cmocka_unit_test(logits_far_from_zero_have_the_same_gradients),
        cmocka_unit_test(a_weight_that_is_no_number_shows_in_the_loss),
    };
    return cmocka_run_group_tests(tests, network_start_blis, NULL);
}
