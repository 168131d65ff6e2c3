/* Every cell at every vector level that this CPU has: one suite. What a cell computes is known from its
 * reference in double; what it gives back, from central differences of that reference. */

#include "lstm_mpi/model/cell.h"

#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/vector_level.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_HIDDEN = 33, MOST_GATES = 4 };

static const size_t hidden_sizes[] = {1, 7, 16, 33};

/* One row: the pre-activations, the state before, and what comes from above. */
struct row {
    float gates[MOST_GATES * MOST_HIDDEN];
    float c_previous[MOST_HIDDEN];
    float dh[MOST_HIDDEN];
    float dc[MOST_HIDDEN];
};

struct result {
    double c[MOST_HIDDEN];
    double h[MOST_HIDDEN];
};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static struct result reference_lstm_row(size_t hidden, const double *gates, const double *c_previous)
{
    struct result result = {0};
    for (size_t j = 0; j < hidden; j++) {
        double i = sigmoid(gates[j]);
        double f = sigmoid(gates[hidden + j]);
        double o = sigmoid(gates[2 * hidden + j]);
        result.c[j] = f * c_previous[j] + i * tanh(gates[3 * hidden + j]);
        result.h[j] = o * tanh(result.c[j]);
    }
    return result;
}

/* By the rows of cells[]. */
static const struct reference {
    const char *name;
    struct result (*row)(size_t hidden, const double *gates, const double *c_previous);
} references[] = {
    {"lstm", reference_lstm_row},
};

static const struct reference *reference_of(const struct cell_ops *cell)
{
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        if (strcmp(references[i].name, cell->name) == 0)
            return &references[i];
    }
    fail_msg("the cell %s has no reference here", cell->name);
    return NULL;
}

static struct row make_row(const struct cell_ops *cell, size_t hidden, double deviation)
{
    struct row row = {0};
    assert_true(cell->gates <= MOST_GATES && hidden <= MOST_HIDDEN);
    for (size_t j = 0; j < cell->gates * hidden; j++)
        row.gates[j] = (float)(deviation * random_normal(hidden, 1, j));
    for (size_t j = 0; j < hidden; j++) {
        row.c_previous[j] = (float)random_normal(hidden, 2, j);
        row.dh[j] = (float)random_normal(hidden, 3, j);
        row.dc[j] = (float)random_normal(hidden, 4, j);
    }
    return row;
}

static void to_double(double *out, const float *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (double)in[i];
}

static void check_forward(const struct cell_ops *cell, const struct cell_functions *functions, size_t hidden,
                          double deviation)
{
    struct row row = make_row(cell, hidden, deviation);
    double gates[MOST_GATES * MOST_HIDDEN];
    double c_previous[MOST_HIDDEN];
    to_double(gates, row.gates, cell->gates * hidden);
    to_double(c_previous, row.c_previous, hidden);
    struct result expected = reference_of(cell)->row(hidden, gates, c_previous);

    float c[MOST_HIDDEN + 1] = {0};
    float h[MOST_HIDDEN + 1] = {0};
    float saved[MOST_HIDDEN + 1] = {0};
    c[hidden] = h[hidden] = saved[hidden] = 77;
    functions->forward(hidden, row.gates, row.c_previous, c, saved, h);
    for (size_t j = 0; j < hidden; j++) {
        assert_true(fabs((double)h[j] - expected.h[j]) < 1e-6);
        if (cell->has_cell_state)
            assert_true(fabs((double)c[j] - expected.c[j]) < 2e-6);
    }
    assert_true(c[hidden] == 77 && h[hidden] == 77 && saved[hidden] == 77);
}

/* What backward is the gradient of: Σ dh·h + dc·c. */
static double objective(const struct cell_ops *cell, size_t hidden, const double *gates,
                        const double *c_previous, const struct row *row)
{
    struct result result = reference_of(cell)->row(hidden, gates, c_previous);
    double sum = 0;
    for (size_t j = 0; j < hidden; j++)
        sum += (double)row->dh[j] * result.h[j] + (double)row->dc[j] * result.c[j];
    return sum;
}

static void check_backward(const struct cell_ops *cell, const struct cell_functions *functions, size_t hidden)
{
    static const double step = 1e-5;
    const struct row row = make_row(cell, hidden, 1);
    struct row back = row;
    double gates[MOST_GATES * MOST_HIDDEN];
    double c_previous[MOST_HIDDEN];
    float c[MOST_HIDDEN];
    float h[MOST_HIDDEN];
    float saved[MOST_HIDDEN];
    to_double(gates, row.gates, cell->gates * hidden);
    to_double(c_previous, row.c_previous, hidden);
    functions->forward(hidden, back.gates, back.c_previous, c, saved, h);
    functions->backward(hidden, back.gates, back.c_previous, saved, back.dh, back.dc);

    for (size_t j = 0; j < cell->gates * hidden + hidden; j++) {
        size_t of_state = j - cell->gates * hidden;
        double *place = j < cell->gates * hidden ? &gates[j] : &c_previous[of_state];
        float gradient = j < cell->gates * hidden ? back.gates[j] : back.dc[of_state];
        double value = *place;
        *place = value + step;
        double above = objective(cell, hidden, gates, c_previous, &row);
        *place = value - step;
        double below = objective(cell, hidden, gates, c_previous, &row);
        *place = value;
        double difference = (above - below) / (2 * step);
        if (fabs((double)gradient - difference) > 2e-6 + 1e-5 * fabs(difference))
            fail_msg("%s, hidden size %zu, number %zu: %.9g, by differences %.9g", cell->name, hidden, j,
                     (double)gradient, difference);
    }
    assert_memory_equal(back.dh, row.dh, sizeof row.dh);
    assert_memory_equal(back.c_previous, row.c_previous, sizeof row.c_previous);
}

typedef void check_level(const struct cell_ops *cell, const struct cell_functions *functions);

static void at_every_level(check_level *check)
{
    for (size_t i = 0; i < cell_count; i++) {
        for (unsigned level = VECTOR_BASELINE; level <= vector_level_in_use(); level++)
            check(&cells[i], cells[i].levels[level]);
    }
}

static void check_forward_sizes(const struct cell_ops *cell, const struct cell_functions *functions)
{
    for (size_t i = 0; i < sizeof hidden_sizes / sizeof hidden_sizes[0]; i++) {
        check_forward(cell, functions, hidden_sizes[i], 1);
        check_forward(cell, functions, hidden_sizes[i], 30); /* gates that are wide open and shut */
    }
}

static void forward_agrees_with_the_reference(void **unused)
{
    (void)unused;
    at_every_level(check_forward_sizes);
}

static void check_backward_sizes(const struct cell_ops *cell, const struct cell_functions *functions)
{
    for (size_t i = 0; i < sizeof hidden_sizes / sizeof hidden_sizes[0]; i++)
        check_backward(cell, functions, hidden_sizes[i]);
}

static void backward_agrees_with_central_differences(void **unused)
{
    (void)unused;
    at_every_level(check_backward_sizes);
}

/* Pre-activations far beyond where exp overflows: finite states and finite gradients. */
static void check_extremes(const struct cell_ops *cell, const struct cell_functions *functions)
{
    enum { HIDDEN = 16 };
    struct row row = {0};
    float c[HIDDEN];
    float h[HIDDEN];
    float saved[HIDDEN];
    for (size_t j = 0; j < cell->gates * HIDDEN; j++)
        row.gates[j] = j % 2 ? 1e30F : -1e30F;
    for (size_t j = 0; j < HIDDEN; j++)
        row.c_previous[j] = row.dh[j] = row.dc[j] = 1;
    functions->forward(HIDDEN, row.gates, row.c_previous, c, saved, h);
    functions->backward(HIDDEN, row.gates, row.c_previous, saved, row.dh, row.dc);
    for (size_t j = 0; j < HIDDEN; j++)
        assert_true(fabsf(h[j]) <= 1 && isfinite(row.dc[j]));
    for (size_t j = 0; j < cell->gates * HIDDEN; j++)
        assert_true(isfinite(row.gates[j]));
}

static void extreme_gates_stay_finite(void **unused)
{
    (void)unused;
    at_every_level(check_extremes);
}

static void check_not_a_number(const struct cell_ops *cell, const struct cell_functions *functions)
{
    for (size_t place = 0; place < cell->gates * MOST_HIDDEN; place++) {
        struct row row = make_row(cell, MOST_HIDDEN, 1);
        float c[MOST_HIDDEN];
        float h[MOST_HIDDEN];
        float saved[MOST_HIDDEN];
        row.gates[place] = NAN;
        functions->forward(MOST_HIDDEN, row.gates, row.c_previous, c, saved, h);
        size_t lost = 0;
        for (size_t j = 0; j < MOST_HIDDEN; j++)
            lost += isnan(h[j]) ? 1 : 0;
        assert_int_equal(lost, 1);
    }
}

/* Else a broken network would look sound. */
static void what_is_no_number_shows(void **unused)
{
    (void)unused;
    at_every_level(check_not_a_number);
}

static void cells_are_found_by_name(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cell_count; i++) {
        assert_ptr_equal(cell_find(cells[i].name), &cells[i]);
        assert_ptr_equal(cell_functions_in_use(&cells[i]), cells[i].levels[vector_level_in_use()]);
        size_t names = 1;
        for (const char *name = cells[i].gate_names; *name; name++)
            names += *name == ',';
        assert_int_equal(names, cells[i].gates);
    }
    assert_string_equal(cells[0].name, "lstm");
    assert_null(cell_find("LSTM"));
    assert_null(cell_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_agrees_with_the_reference),
        cmocka_unit_test(backward_agrees_with_central_differences),
        cmocka_unit_test(extreme_gates_stay_finite),
        cmocka_unit_test(what_is_no_number_shows),
        cmocka_unit_test(cells_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
