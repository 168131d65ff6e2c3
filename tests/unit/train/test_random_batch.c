#include "random_batch.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { V = 30, STEPS = 4, ROWS = 5 };

static struct error error;

static void rows_do_not_depend_on_who_holds_them(void **unused)
{
    (void)unused;
    struct random_batch whole;
    assert_int_equal(random_batch_create(&whole, V, (struct range){0, ROWS}, STEPS, 1, &error), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++) {
        struct random_batch one;
        assert_int_equal(random_batch_create(&one, V, (struct range){row, 1}, STEPS, 1, &error), STATUS_OK);
        assert_int_equal(one.batch.first_row, row);
        for (size_t step = 0; step < STEPS; step++) {
            assert_int_equal(one.batch.inputs[step], whole.batch.inputs[step * ROWS + row]);
            assert_int_equal(one.batch.targets[step], whole.batch.targets[step * ROWS + row]);
            assert_true(one.inputs[step] < V && one.targets[step] < V);
        }
        random_batch_free(&one);
    }
    assert_memory_not_equal(whole.inputs, whole.targets, ROWS * STEPS * sizeof *whole.inputs);
    random_batch_free(&whole);
}

static void another_seed_gives_another_batch(void **unused)
{
    (void)unused;
    struct random_batch one;
    struct random_batch other;
    assert_int_equal(random_batch_create(&one, V, (struct range){0, ROWS}, STEPS, 1, &error), STATUS_OK);
    assert_int_equal(random_batch_create(&other, V, (struct range){0, ROWS}, STEPS, 2, &error), STATUS_OK);
    assert_memory_not_equal(one.inputs, other.inputs, ROWS * STEPS * sizeof *one.inputs);
    random_batch_free(&one);
    random_batch_free(&other);
}

/* A network without weights, for some rows. */
struct network {
    struct packed_weights packed;
    float *weights;
    float *memory;
    struct model *model;
};

static void create(struct network *network, const struct model_spec *spec, size_t rows)
{
    struct parameters parameters;
    assert_int_equal(parameters_layout(&parameters, spec, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->weights, parameters.size, &error), STATUS_OK);
    assert_int_equal(memory_new(&network->memory, packed_weights_floats(spec), &error), STATUS_OK);
    assert_int_equal(packed_weights_place(&network->packed, spec, network->weights, network->memory, &error),
                     STATUS_OK);
    packed_weights_pack(&network->packed, 0, 1);
    assert_int_equal(model_create(&network->model, spec, &network->packed, rows, STEPS, &error), STATUS_OK);
}

static void destroy(struct network *network)
{
    model_destroy(network->model);
    memory_free(network->weights);
    memory_free(network->memory);
}

static void the_state_too_depends_on_the_row_alone(void **unused)
{
    (void)unused;
    enum { HIDDEN = 3, LAYERS = 2, ROW = 3 };
    struct model_spec spec = {
        .vocabulary_size = V, .hidden_size = HIDDEN, .cell = cell_find("lstm"), .num_layers = LAYERS};
    struct random_batch whole_batch;
    struct random_batch one_batch;
    struct network whole;
    struct network one;
    create(&whole, &spec, ROWS);
    create(&one, &spec, 1);
    assert_int_equal(random_batch_create(&whole_batch, V, (struct range){0, ROWS}, STEPS, 1, &error),
                     STATUS_OK);
    assert_int_equal(random_batch_create(&one_batch, V, (struct range){ROW, 1}, STEPS, 1, &error), STATUS_OK);
    random_batch_begin(&whole_batch, whole.model);
    random_batch_begin(&one_batch, one.model);
    struct model_state all = model_state(whole.model);
    struct model_state mine = model_state(one.model);
    for (size_t i = 0; i < LAYERS * HIDDEN; i++) {
        size_t place = (i / HIDDEN * ROWS + ROW) * HIDDEN + i % HIDDEN;
        assert_true(all.h[place] == mine.h[i] && all.c[place] == mine.c[i]);
        assert_true(mine.h[i] != 0 && mine.h[i] != mine.c[i] && fabsf(mine.h[i]) <= 1);
    }
    for (size_t i = 1; i < all.floats; i++)
        assert_true(all.h[i] != all.h[i - 1]);
    random_batch_free(&whole_batch);
    random_batch_free(&one_batch);
    destroy(&whole);
    destroy(&one);
}

static void without_memory_it_fails(void **unused)
{
    (void)unused;
    struct random_batch batch;
    for (long allocations = 0; allocations < 2; allocations++) {
        failing_allocator_after(allocations);
        enum status status = random_batch_create(&batch, V, (struct range){0, ROWS}, STEPS, 1, &error);
        failing_allocator_after(-1);
        assert_int_equal(status, STATUS_FAILED);
        random_batch_free(&batch);
    }
}

static int start(void **unused)
{
    (void)unused;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_do_not_depend_on_who_holds_them),
        cmocka_unit_test(another_seed_gives_another_batch),
        cmocka_unit_test(the_state_too_depends_on_the_row_alone),
        cmocka_unit_test(without_memory_it_fails),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
