#include "lstm_mpi/generate/generator.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/model.h"
#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { V = 23, H = 9, LENGTH = 40 };

static struct error error;
static const uint32_t prefix[] = {4, 0, 22, 4};

static struct model_spec spec_of_model(void)
{
    return (struct model_spec){
        .vocabulary_size = V, .hidden_size = H, .cell = cell_find("lstm"), .num_layers = 1};
}

/* The floats of all weights. */
static size_t weight_bytes(void)
{
    struct parameters parameters;
    struct model_spec spec = spec_of_model();
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    return parameters.size * sizeof(float);
}

static float *make_weights(uint64_t seed)
{
    struct parameters parameters;
    struct model_spec spec = spec_of_model();
    float *weights;
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    assert_int_equal(memory_new(&weights, parameters.size, &error), STATUS_OK);
    for (size_t i = 0; i < parameters.size; i++)
        weights[i] = (float)random_normal(seed, 1, i);
    return weights;
}

static struct generator *create(double temperature, size_t rows, const float *weights)
{
    struct generator *generator;
    struct model_spec spec = spec_of_model();
    struct sampler_spec sampling = {.temperature = temperature, .top_p = 1, .seed = 3};
    assert_int_equal(generator_create(&generator, &spec, weights, &sampling, rows, &error), STATUS_OK);
    generator_load(generator);
    return generator;
}

/* The same by hand: every token through the model, every choice fed back. */
static void write_by_hand(uint32_t *tokens, double temperature, const float *weights, const uint32_t *first,
                          size_t count)
{
    struct model *model;
    struct sampler *sampler;
    struct model_spec spec = spec_of_model();
    struct sampler_spec sampling = {.temperature = temperature, .top_p = 1, .seed = 3};
    float logits[V];
    struct packed_weights packed;
    float *packed_memory;
    assert_int_equal(memory_new(&packed_memory, packed_weights_floats(&spec), &error), STATUS_OK);
    assert_int_equal(packed_weights_place(&packed, &spec, weights, packed_memory, &error), STATUS_OK);
    packed_weights_pack(&packed, 0, 1);
    assert_int_equal(model_create(&model, &spec, &packed, 1, 1, &error), STATUS_OK);
    assert_int_equal(sampler_create(&sampler, &sampling, V, &error), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        model_step(model, &first[i], logits);
    for (size_t i = 0; i < LENGTH; i++) {
        tokens[i] = sampler_choose(sampler, logits, 0, i);
        model_step(model, &tokens[i], logits);
    }
    sampler_destroy(sampler);
    model_destroy(model);
    memory_free(packed_memory);
}

static void write_text(uint32_t *tokens, struct generator *generator, const uint32_t *first, size_t count)
{
    generator_start(generator, first, count, 0);
    for (size_t i = 0; i < LENGTH; i++)
        tokens[i] = generator_next(generator)[0];
}

static void a_text_is_the_model_step_by_step(void **unused)
{
    (void)unused;
    static const double temperatures[] = {0, 1};
    float *weights = make_weights(1);
    for (size_t i = 0; i < 2; i++) {
        for (size_t count = 1; count <= 4; count++) {
            uint32_t by_hand[LENGTH];
            uint32_t tokens[LENGTH];
            struct generator *generator = create(temperatures[i], 1, weights);
            write_by_hand(by_hand, temperatures[i], weights, prefix, count);
            write_text(tokens, generator, prefix, count);
            assert_memory_equal(tokens, by_hand, sizeof tokens);
            generator_destroy(generator);
        }
    }
    memory_free(weights);
}

static void a_second_text_is_as_if_it_were_the_first(void **unused)
{
    (void)unused;
    static const uint32_t other[] = {1};
    float *weights = make_weights(1);
    struct generator *generator = create(1, 1, weights);
    uint32_t first[LENGTH];
    uint32_t between[LENGTH];
    uint32_t second[LENGTH];
    write_text(first, generator, prefix, 4);
    write_text(between, generator, other, 1);
    write_text(second, generator, prefix, 4);
    assert_memory_equal(second, first, sizeof second);
    assert_memory_not_equal(between, first, sizeof first);
    generator_destroy(generator);
    memory_free(weights);
}

static void new_weights_write_another_text(void **unused)
{
    (void)unused;
    float *weights = make_weights(1);
    float *others = make_weights(2);
    struct generator *generator = create(0, 1, weights);
    uint32_t first[LENGTH];
    uint32_t second[LENGTH];
    uint32_t by_hand[LENGTH];
    write_text(first, generator, prefix, 4);
    memcpy(weights, others, weight_bytes());
    generator_load(generator);
    write_text(second, generator, prefix, 4);
    write_by_hand(by_hand, 0, others, prefix, 4);
    assert_memory_equal(second, by_hand, sizeof second);
    assert_memory_not_equal(second, first, sizeof first);
    generator_destroy(generator);
    memory_free(weights);
    memory_free(others);
}

/* Sample by sample, whatever stands beside it: each is as if it were written alone. */
static void a_sample_does_not_depend_on_those_beside_it(void **unused)
{
    (void)unused;
    enum { SAMPLES = 53 };
    static const size_t all_rows[] = {1, 2, 7, 12, 13, SAMPLES};
    static uint32_t alone[SAMPLES][LENGTH];
    float *weights = make_weights(1);
    for (size_t i = 0; i < sizeof all_rows / sizeof all_rows[0]; i++) {
        size_t rows = all_rows[i];
        struct generator *generator = create(1, rows, weights);
        for (size_t first = 0; first + rows <= SAMPLES; first += rows) {
            generator_start(generator, prefix, 4, first);
            for (size_t step = 0; step < LENGTH; step++) {
                const uint32_t *tokens = generator_next(generator);
                for (size_t row = 0; row < rows; row++) {
                    if (rows == 1)
                        alone[first][step] = tokens[0];
                    assert_int_equal(tokens[row], alone[first + row][step]);
                }
            }
        }
        generator_destroy(generator);
    }
    for (size_t sample = 1; sample < SAMPLES; sample++)
        assert_memory_not_equal(alone[sample], alone[sample - 1], sizeof alone[0]);
    memory_free(weights);
}

static void without_memory_there_is_no_generator(void **unused)
{
    (void)unused;
    struct model_spec spec = spec_of_model();
    struct sampler_spec sampling = {.temperature = 1, .top_p = 1};
    struct generator *generator;
    float *weights = make_weights(1);
    for (long allocations = 0;; allocations++) {
        failing_allocator_after(allocations);
        enum status status = generator_create(&generator, &spec, weights, &sampling, 2, &error);
        bool failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            assert_true(allocations > 3);
            break;
        }
        assert_int_equal(status, STATUS_FAILED);
        assert_null(generator);
    }
    generator_destroy(generator);
    generator_destroy(NULL);
    memory_free(weights);
}

static int start_blis(void **unused)
{
    (void)unused;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_the_model_step_by_step),
        cmocka_unit_test(a_second_text_is_as_if_it_were_the_first),
        cmocka_unit_test(new_weights_write_another_text),
        cmocka_unit_test(a_sample_does_not_depend_on_those_beside_it),
        cmocka_unit_test(without_memory_there_is_no_generator),
    };
    return cmocka_run_group_tests(tests, start_blis, NULL);
}
