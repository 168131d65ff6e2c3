#include "lstm_mpi/model/initialize.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/model/cell.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { V = 61, H = 37 };

static struct error error;
static struct parameters parameters;

static int make_layout(void **unused)
{
    (void)unused;
    struct model_spec spec = {
        .vocabulary_size = V, .hidden_size = H, .cell = cell_find("lstm"), .num_layers = 1};
    return parameters_layout(&parameters, &spec, &error) == STATUS_OK ? 0 : -1;
}

/* In parts, as the ranks of a node do it. */
static float *initialized(uint64_t seed)
{
    float *weights;
    assert_int_equal(memory_new(&weights, parameters.size, &error), STATUS_OK);
    enum { PARTS = 3 };
    for (size_t part = 0; part < PARTS; part++)
        initialize_normal(weights, &parameters, seed, part, PARTS);
    return weights;
}

static bool is_bias(const struct parameter *parameter)
{
    return parameter->dim_count == 1;
}

/* Mean, standard deviation and fourth moment of n draws, each within five of its own standard errors. */
static void weights_are_normal(void **unused)
{
    (void)unused;
    float *weights = initialized(1);
    for (size_t i = 0; i < parameters.count; i++) {
        const struct parameter *parameter = &parameters.table[i];
        if (is_bias(parameter))
            continue;
        size_t count = parameters_tensor_size(parameter);
        double n = (double)count;
        double sum = 0;
        double squares = 0;
        double fourths = 0;
        for (size_t k = 0; k < count; k++) {
            double value = (double)weights[parameter->offset + k] / 0.01;
            sum += value;
            squares += value * value;
            fourths += value * value * value * value;
            assert_true(fabs(value) < 6);
        }
        assert_true(fabs(sum / n) < 5 * sqrt(1 / n));
        assert_true(fabs(squares / n - 1) < 5 * sqrt(2 / n));
        assert_true(fabs(fourths / n - 3) < 5 * sqrt(96 / n));
    }
    memory_free(weights);
}

static void biases_and_padding_are_zero(void **unused)
{
    (void)unused;
    float *weights = initialized(1);
    size_t padding = 0;
    for (size_t i = 0; i < parameters.count; i++) {
        const struct parameter *parameter = &parameters.table[i];
        size_t end = parameter->offset + parameters_tensor_size(parameter);
        size_t next = i + 1 < parameters.count ? parameters.table[i + 1].offset : parameters.size;
        for (size_t k = is_bias(parameter) ? parameter->offset : end; k < next; k++)
            assert_true(weights[k] == 0);
        padding += next - end;
    }
    assert_true(padding > 0);
    memory_free(weights);
}

static void a_seed_gives_the_same_numbers_always(void **unused)
{
    (void)unused;
    float *first = initialized(8);
    float *other = initialized(9);
    float *again = initialized(8);
    assert_memory_equal(again, first, parameters.size * sizeof *first);
    assert_memory_not_equal(other, first, parameters.size * sizeof *first);
    memory_free(first);
    memory_free(other);
    memory_free(again);
}

static double bound_of(const struct parameters *layout, const struct parameter *parameter)
{
    size_t in = parameter->kind == PARAMETER_CELL_WEIGHT || parameter->kind == PARAMETER_CELL_BIAS
                    ? layout->hidden_size
                    : layout->output_width;
    return 1 / sqrt((double)in);
}

/* Every tensor of a cell and of the output, biases too, fills its interval evenly; the embedding is N(0, 1).
 */
static void uniform_is_as_pytorch_has_it(void **unused)
{
    (void)unused;
    struct parameters layout;
    struct model_spec spec = {.vocabulary_size = V,
                              .hidden_size = H,
                              .cell = cell_find("gru"),
                              .num_layers = 2,
                              .embedding_size = 40,
                              .bidirectional = true,
                              .double_bias = true};
    float *weights;
    assert_int_equal(parameters_layout(&layout, &spec, &error), STATUS_OK);
    assert_int_equal(memory_new(&weights, layout.size, &error), STATUS_OK);
    for (size_t part = 0; part < 3; part++)
        initialize_uniform(weights, &layout, 1, part, 3);
    for (size_t i = 0; i < layout.count; i++) {
        const struct parameter *parameter = &layout.table[i];
        size_t count = parameters_tensor_size(parameter);
        bool normal = parameter->kind == PARAMETER_EMBEDDING;
        double bound = normal ? sqrt(3) : bound_of(&layout, parameter);
        double sum = 0;
        double squares = 0;
        for (size_t k = 0; k < count; k++) {
            double value = (double)weights[parameter->offset + k] / bound;
            assert_true(normal || fabs(value) <= 1 + 1e-6);
            sum += value;
            squares += value * value;
        }
        double n = (double)count;
        assert_true(fabs(sum / n) < 5 * sqrt(1 / (3 * n)));
        assert_true(fabs(squares / n - 1.0 / 3) < 5 * sqrt((normal ? 2.0 / 9 : 4.0 / 45) / n));
    }
    memory_free(weights);
}

static size_t equal_numbers(const float *a, const float *b, size_t count)
{
    size_t equal = 0;
    for (size_t i = 0; i < count; i++)
        equal += a[i] == b[i];
    return equal;
}

/* No tensor repeats another, nor itself with another seed. */
static void tensors_and_seeds_have_numbers_of_their_own(void **unused)
{
    (void)unused;
    float *weights = initialized(1);
    float *others = initialized(2);
    const float *W_x = weights + parameters_find(&parameters, "layer0/W_x")->offset;
    const float *W_h = weights + parameters_find(&parameters, "layer0/W_h")->offset;
    const float *W = weights + parameters_find(&parameters, "output/W")->offset;
    assert_true(equal_numbers(W_x, W_h, (size_t)H * H) < 5);
    assert_true(equal_numbers(W_x, W, (size_t)H * V) < 5);
    assert_true(equal_numbers(W_h, W, (size_t)H * V) < 5);
    assert_true(equal_numbers(W_x, others + (W_x - weights), (size_t)V * 4 * H) < 5);
    memory_free(weights);
    memory_free(others);
}

/* The number at (tensor, index) does not depend on the shapes, so not on the order of filling either. */
static void a_number_depends_on_its_place_alone(void **unused)
{
    (void)unused;
    struct parameters larger;
    struct model_spec spec = {
        .vocabulary_size = V + 30, .hidden_size = H + 10, .cell = cell_find("lstm"), .num_layers = 1};
    assert_int_equal(parameters_layout(&larger, &spec, &error), STATUS_OK);
    float *weights = initialized(4);
    float *more;
    assert_int_equal(memory_new(&more, larger.size, &error), STATUS_OK);
    initialize_normal(more, &larger, 4, 0, 1);
    for (size_t i = 0; i < parameters.count; i++)
        assert_memory_equal(more + larger.table[i].offset, weights + parameters.table[i].offset,
                            parameters_tensor_size(&parameters.table[i]) * sizeof *weights);
    memory_free(weights);
    memory_free(more);
}

static void initializers_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(initializer_names[0], "normal");
    assert_ptr_equal(initializers[0], initialize_normal);
    assert_string_equal(initializer_names[1], "uniform");
    assert_ptr_equal(initializers[1], initialize_uniform);
    assert_null(initializer_names[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_normal),
        cmocka_unit_test(uniform_is_as_pytorch_has_it),
        cmocka_unit_test(biases_and_padding_are_zero),
        cmocka_unit_test(a_seed_gives_the_same_numbers_always),
        cmocka_unit_test(tensors_and_seeds_have_numbers_of_their_own),
        cmocka_unit_test(a_number_depends_on_its_place_alone),
        cmocka_unit_test(initializers_have_names),
    };
    return cmocka_run_group_tests(tests, make_layout, NULL);
}
