/* Sound networks pass at every vector level; a backward step that is wrong by a hundredth is found, and the
 * tensors that it spoils are named. */

#include "lstm_mpi/train/check.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

/* What a check told. */
struct told {
    struct check_tensor tensors[PARAMETER_MAX_COUNT];
    char paths[PARAMETER_MAX_COUNT][PARAMETER_PATH_BYTES];
    size_t count;
    struct check_overfit overfit;
};

static void take_tensor(void *context, const struct check_tensor *tensor)
{
    struct told *told = context;
    memcpy(told->paths[told->count], tensor->parameter->path, PARAMETER_PATH_BYTES);
    told->tensors[told->count++] = *tensor;
}

static void take_overfit(void *context, const struct check_overfit *overfit)
{
    ((struct told *)context)->overfit = *overfit;
}

struct batch_shape {
    size_t rows, steps;
};

static enum status check(struct told *told, const struct model_spec *model, struct batch_shape batch,
                         bool rank_invariant)
{
    struct parameters parameters;
    float *weights;
    struct check_observer observer = {told, take_tensor, take_overfit};
    *told = (struct told){0};
    assert_int_equal(parameters_layout(&parameters, model, &error), STATUS_OK);
    assert_int_equal(memory_new(&weights, parameters.size, &error), STATUS_OK);
    initialize_uniform(weights, &parameters, 1, 0, 1);
    double squares = vector_sum_of_squares(parameters.size, weights);
    struct check_spec spec = {model, weights, batch.rows, batch.steps, 1, rank_invariant};
    enum status status = check_run(&comm_alone, &spec, &observer, &error);
    assert_true(vector_sum_of_squares(parameters.size, weights) == squares);
    memory_free(weights);
    return status;
}

static struct model_spec small_network(const struct cell_ops *cell)
{
    return (struct model_spec){.vocabulary_size = 43, .hidden_size = 12, .cell = cell, .num_layers = 1};
}

static void check_passes(const struct model_spec *model, bool rank_invariant)
{
    struct told told;
    if (check(&told, model, (struct batch_shape){3, 4}, rank_invariant) != STATUS_OK)
        fail_msg("%s: %s: %s", model->cell->name, error.what, error.why);
    assert_true(told.count > 0);
    for (size_t i = 0; i < told.count; i++) {
        if (told.tensors[i].verdict != CHECK_RIGHT || told.tensors[i].difference > 1.5e-3)
            fail_msg("%s, %s: verdict %d, difference %g", model->cell->name, told.paths[i],
                     (int)told.tensors[i].verdict, told.tensors[i].difference);
    }
    assert_true(told.overfit.learned && told.overfit.perplexity <= 1.01);
    assert_true(told.overfit.first_perplexity > 20 && told.overfit.updates > 5);
}

static void check_family(void)
{
    for (size_t i = 0; i < cell_count; i++) {
        struct model_spec plain = small_network(&cells[i]);
        struct model_spec wide = plain;
        wide.num_layers = 2;
        wide.bidirectional = true;
        wide.double_bias = true;
        wide.dropout = 0.3;
        struct model_spec tied = plain;
        tied.embedding_size = tied.hidden_size;
        tied.tie_weights = true;
        check_passes(&plain, false);
        check_passes(&plain, true);
        check_passes(&wide, false);
        check_passes(&tied, false);
        check_passes(&tied, true);
    }
}

/* Last of all tests: a level is not raised again. */
static void sound_networks_pass_at_every_level(void **unused)
{
    (void)unused;
    for (int level = (int)vector_level_in_use(); level >= (int)VECTOR_BASELINE; level--) {
        vector_level_lower((enum vector_level)level);
        check_family();
    }
}

/* A cell whose backward step does what the true one does, and then something else. */
enum damage { TO_FIRST_GATE, TO_LAST_GATE, TO_RECURRENT, TO_CELL_STATE, TO_DIRECT_PATH, TO_ONE_UNIT };

static const struct cell_ops *damaged_cell;
static enum damage damage;

static void damaged_forward(size_t hidden, const struct cell_row *row)
{
    cell_functions_in_use(damaged_cell)->forward(hidden, row);
}

static void damaged_backward(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                             float *dc)
{
    size_t last = (damaged_cell->gates - 1) * hidden;
    static float direct[64];
    memset(direct, 0, sizeof direct);
    cell_functions_in_use(damaged_cell)
        ->backward(hidden, row, dh, damage == TO_DIRECT_PATH && dh_previous ? direct : dh_previous, dc);
    switch (damage) {
    case TO_FIRST_GATE:
        vector_scale(hidden, 1.01F, row->gates);
        break;
    case TO_LAST_GATE:
        vector_scale(hidden, 0.99F, row->gates + last);
        break;
    case TO_RECURRENT:
        vector_scale(hidden, 1.01F, row->recurrent + last);
        break;
    case TO_CELL_STATE:
        vector_scale(hidden, 1.05F, dc);
        break;
    case TO_DIRECT_PATH:
        if (dh_previous)
            vector_axpy(hidden, 1.05F, direct, dh_previous);
        break;
    case TO_ONE_UNIT:
        row->gates[1] = 0;
        break;
    }
}

static const struct cell_functions damaged_functions = {damaged_forward, damaged_backward};

static const struct check_tensor *find(const struct told *told, const char *path)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->paths[i], path) == 0)
            return &told->tensors[i];
    }
    return NULL;
}

/* The output layer's gradients come before those of the cells. */
static void check_damage(const char *cell, enum damage kind, const char *spoiled)
{
    struct told told;
    damaged_cell = cell_find(cell);
    damage = kind;
    struct cell_ops ops = *damaged_cell;
    for (size_t i = 0; i < sizeof ops.levels / sizeof ops.levels[0]; i++)
        ops.levels[i] = &damaged_functions;
    struct model_spec model = small_network(&ops);
    char named[64];
    snprintf(named, sizeof named, "/model/%s", spoiled);
    if (check(&told, &model, (struct batch_shape){3, 4}, false) != STATUS_FAILED)
        fail_msg("%s, damage %d is not found", cell, (int)kind);
    if (!strstr(error.what, named))
        fail_msg("%s, damage %d: %s", cell, (int)kind, error.what);
    assert_int_equal(find(&told, spoiled)->verdict, CHECK_WRONG);
    assert_true(find(&told, spoiled)->difference > 2e-3);
    assert_int_equal(find(&told, "output/W")->verdict, CHECK_RIGHT);
    assert_null(strstr(error.what, "output/W"));
}

static void a_hundredth_too_much_is_found(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cell_count; i++) {
        check_damage(cells[i].name, TO_FIRST_GATE, "layer0/W_x");
        check_damage(cells[i].name, TO_FIRST_GATE, "layer0/b");
        check_damage(cells[i].name, TO_LAST_GATE, "layer0/b");
        check_damage(cells[i].name, TO_LAST_GATE, "layer0/W_x");
        if (cells[i].splits_recurrent)
            check_damage(cells[i].name, TO_RECURRENT, "layer0/W_h");
        else
            check_damage(cells[i].name, TO_LAST_GATE, "layer0/W_h");
    }
}

static void wrong_ways_through_time_are_found(void **unused)
{
    (void)unused;
    check_damage("lstm", TO_CELL_STATE, "layer0/b");
    check_damage("gru", TO_DIRECT_PATH, "layer0/b");
}

/* One of 12 units has no gradient in one gate. */
static void what_is_missing_is_found(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cell_count; i++)
        check_damage(cells[i].name, TO_ONE_UNIT, "layer0/W_x");
}

static void what_cannot_be_learned_is_told(void **unused)
{
    (void)unused;
    struct told told;
    struct model_spec model = small_network(cell_find("rnn"));
    model.hidden_size = 1;
    assert_int_equal(check(&told, &model, (struct batch_shape){4, 6}, false), STATUS_FAILED);
    assert_non_null(strstr(error.what, "batch"));
    assert_false(told.overfit.learned);
    assert_true(told.overfit.perplexity > 1.01);
}

static void what_is_not_finite_is_told(void **unused)
{
    (void)unused;
    struct told told = {0};
    struct model_spec model = small_network(cell_find("lstm"));
    struct parameters parameters;
    struct check_observer observer = {&told, take_tensor, take_overfit};
    float *weights;
    assert_int_equal(parameters_layout(&parameters, &model, &error), STATUS_OK);
    assert_int_equal(memory_new(&weights, parameters.size, &error), STATUS_OK);
    weights[parameters_find(&parameters, "output/b")->offset] = (float)NAN;
    struct check_spec spec = {&model, weights, 2, 2, 1, false};
    assert_int_equal(check_run(&comm_alone, &spec, &observer, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "not finite"));
    memory_free(weights);
}

static void without_memory_it_fails(void **unused)
{
    (void)unused;
    struct model_spec model = small_network(cell_find("rnn"));
    struct parameters parameters;
    struct told told = {0};
    struct check_observer observer = {&told, take_tensor, take_overfit};
    float *weights;
    assert_int_equal(parameters_layout(&parameters, &model, &error), STATUS_OK);
    assert_int_equal(memory_new(&weights, parameters.size, &error), STATUS_OK);
    initialize_uniform(weights, &parameters, 1, 0, 1);
    struct check_spec spec = {&model, weights, 1, 1, 1, false};
    for (long allocations = 0;; allocations++) {
        told.count = 0;
        failing_allocator_after(allocations);
        enum status status = check_run(&comm_alone, &spec, &observer, &error);
        bool failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        assert_int_equal(status, failed ? STATUS_FAILED : STATUS_OK);
        if (!failed)
            break;
        assert_true(error.short_of_memory);
    }
    memory_free(weights);
}

static int start(void **unused)
{
    (void)unused;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundredth_too_much_is_found),
        cmocka_unit_test(wrong_ways_through_time_are_found),
        cmocka_unit_test(what_is_missing_is_found),
        cmocka_unit_test(what_cannot_be_learned_is_told),
        cmocka_unit_test(what_is_not_finite_is_told),
        cmocka_unit_test(without_memory_it_fails),
        cmocka_unit_test(sound_networks_pass_at_every_level),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
