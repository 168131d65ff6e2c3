/* Every cell at every vector level that this CPU has: one suite. What a cell computes is known from its
 * reference in double; what it gives back, from central differences of that reference. */

#include "lstm_mpi/model/cell.h"

#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "support/reference_network.h"

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
    float recurrent[MOST_GATES * MOST_HIDDEN];
    float h_previous[MOST_HIDDEN];
    float c_previous[MOST_HIDDEN];
    float dh[MOST_HIDDEN];
    float dc[MOST_HIDDEN];
};

/* What a cell makes of it; one more number than there are units shows who writes too far. */
struct outcome {
    float c[MOST_HIDDEN + 1];
    float h[MOST_HIDDEN + 1];
    float saved[MOST_HIDDEN + 1];
};

/* The same in double: all that the new state depends on. */
struct numbers {
    double gates[MOST_GATES * MOST_HIDDEN];
    double recurrent[MOST_GATES * MOST_HIDDEN];
    double h[MOST_HIDDEN];
    double c[MOST_HIDDEN];
};

static const struct reference_cell *reference_of(const struct cell_ops *cell)
{
    const struct reference_cell *reference = reference_cell_find(cell->name);
    assert_int_equal(reference->gates, cell->gates);
    return reference;
}

static struct row make_row(const struct cell_ops *cell, size_t hidden, double deviation)
{
    struct row row = {0};
    assert_true(cell->gates <= MOST_GATES && hidden <= MOST_HIDDEN);
    for (size_t j = 0; j < cell->gates * hidden; j++) {
        row.gates[j] = (float)(deviation * random_normal(hidden, 1, j));
        row.recurrent[j] = cell->splits_recurrent ? (float)(deviation * random_normal(hidden, 5, j)) : 0;
    }
    for (size_t j = 0; j < hidden; j++) {
        row.h_previous[j] = (float)(0.5 * random_normal(hidden, 6, j));
        row.c_previous[j] = cell->has_cell_state ? (float)random_normal(hidden, 2, j) : 0;
        row.dh[j] = (float)random_normal(hidden, 3, j);
        row.dc[j] = cell->has_cell_state ? (float)random_normal(hidden, 4, j) : 0;
    }
    return row;
}

/* The arguments of a cell's functions: what it has no use for is not there. */
static struct cell_row view(const struct cell_ops *cell, struct row *row, struct outcome *outcome)
{
    return (struct cell_row){
        .gates = row->gates,
        .recurrent = cell->splits_recurrent ? row->recurrent : NULL,
        .h_previous = row->h_previous,
        .c_previous = cell->has_cell_state ? row->c_previous : NULL,
        .h = outcome->h,
        .c = cell->has_cell_state ? outcome->c : NULL,
        .saved = cell->has_saved ? outcome->saved : NULL,
    };
}

static void to_double(double *out, const float *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (double)in[i];
}

static struct numbers numbers_of(const struct row *row)
{
    struct numbers numbers;
    to_double(numbers.gates, row->gates, MOST_GATES * MOST_HIDDEN);
    to_double(numbers.recurrent, row->recurrent, MOST_GATES * MOST_HIDDEN);
    to_double(numbers.h, row->h_previous, MOST_HIDDEN);
    to_double(numbers.c, row->c_previous, MOST_HIDDEN);
    return numbers;
}

static void check_forward(const struct cell_ops *cell, const struct cell_functions *functions, size_t hidden,
                          double deviation)
{
    struct row row = make_row(cell, hidden, deviation);
    struct numbers expected = numbers_of(&row);
    struct outcome outcome = {0};
    reference_cell_step(reference_of(cell), hidden, expected.gates, expected.recurrent, expected.h,
                        expected.c);
    outcome.c[hidden] = outcome.h[hidden] = outcome.saved[hidden] = 77;
    struct cell_row cell_row = view(cell, &row, &outcome);
    functions->forward(hidden, &cell_row);
    for (size_t j = 0; j < hidden; j++) {
        assert_true(fabs((double)outcome.h[j] - expected.h[j]) < 1e-6);
        if (cell->has_cell_state)
            assert_true(fabs((double)outcome.c[j] - expected.c[j]) < 2e-6);
    }
    assert_true(outcome.c[hidden] == 77 && outcome.h[hidden] == 77 && outcome.saved[hidden] == 77);
}

/* What backward is the gradient of: Σ dh·h + dc·c. */
static double objective(const struct cell_ops *cell, size_t hidden, const struct numbers *numbers,
                        const struct row *row)
{
    struct numbers after = *numbers;
    double sum = 0;
    reference_cell_step(reference_of(cell), hidden, after.gates, after.recurrent, after.h, after.c);
    for (size_t j = 0; j < hidden; j++)
        sum += (double)row->dh[j] * after.h[j] + (double)row->dc[j] * after.c[j];
    return sum;
}

static void check_differences(const struct cell_ops *cell, size_t hidden, struct numbers *numbers,
                              double *place, size_t count, const float *gradients, const struct row *row,
                              const char *what)
{
    static const double step = 1e-5;
    for (size_t j = 0; j < count; j++) {
        double value = place[j];
        place[j] = value + step;
        double above = objective(cell, hidden, numbers, row);
        place[j] = value - step;
        double below = objective(cell, hidden, numbers, row);
        place[j] = value;
        double difference = (above - below) / (2 * step);
        if (fabs((double)gradients[j] - difference) > 2e-6 + 1e-5 * fabs(difference))
            fail_msg("%s, hidden size %zu, %s[%zu]: %.9g, by differences %.9g", cell->name, hidden, what, j,
                     (double)gradients[j], difference);
    }
}

static void check_backward(const struct cell_ops *cell, const struct cell_functions *functions, size_t hidden)
{
    const struct row row = make_row(cell, hidden, 1);
    struct row back = row;
    struct outcome outcome;
    struct numbers numbers = numbers_of(&row);
    float dh_previous[MOST_HIDDEN] = {0};
    struct cell_row cell_row = view(cell, &back, &outcome);
    functions->forward(hidden, &cell_row);
    functions->backward(hidden, &cell_row, back.dh, dh_previous, cell->has_cell_state ? back.dc : NULL);

    size_t gates = cell->gates * hidden;
    check_differences(cell, hidden, &numbers, numbers.gates, gates, back.gates, &row, "gates");
    if (cell->splits_recurrent)
        check_differences(cell, hidden, &numbers, numbers.recurrent, gates, back.recurrent, &row,
                          "recurrent");
    check_differences(cell, hidden, &numbers, numbers.h, hidden, dh_previous, &row, "h_previous");
    if (cell->has_cell_state)
        check_differences(cell, hidden, &numbers, numbers.c, hidden, back.dc, &row, "c_previous");
    assert_memory_equal(back.dh, row.dh, sizeof row.dh);
    assert_memory_equal(back.h_previous, row.h_previous, sizeof row.h_previous);
    assert_memory_equal(back.c_previous, row.c_previous, sizeof row.c_previous);
}

/* The gradient of h_previous is added, or left alone where it is not wanted. */
static void check_direct_gradient(const struct cell_ops *cell, const struct cell_functions *functions)
{
    struct row row = make_row(cell, MOST_HIDDEN, 1);
    struct row other = row;
    struct outcome outcome;
    float from_zero[MOST_HIDDEN] = {0};
    float from_two[MOST_HIDDEN];
    for (size_t j = 0; j < MOST_HIDDEN; j++)
        from_two[j] = 2;
    struct cell_row first = view(cell, &row, &outcome);
    functions->forward(MOST_HIDDEN, &first);
    other = row;
    struct row third = row;
    struct cell_row second = view(cell, &other, &outcome);
    struct cell_row last = view(cell, &third, &outcome);
    functions->backward(MOST_HIDDEN, &first, row.dh, from_zero, row.dc);
    functions->backward(MOST_HIDDEN, &second, other.dh, from_two, other.dc);
    functions->backward(MOST_HIDDEN, &last, third.dh, NULL, third.dc);
    for (size_t j = 0; j < MOST_HIDDEN; j++)
        assert_true(fabsf(from_two[j] - 2 - from_zero[j]) < 1e-6F);
    assert_memory_equal(row.gates, third.gates, sizeof row.gates);
    assert_memory_equal(row.recurrent, third.recurrent, sizeof row.recurrent);
}

/* Whether a unit's place is in a vector of many or among the last of a row. */
static void check_places(const struct cell_ops *cell, const struct cell_functions *functions)
{
    struct row row = make_row(cell, MOST_HIDDEN, 1);
    struct outcome outcome;
    for (size_t j = 0; j < MOST_HIDDEN; j++) {
        for (size_t gate = 0; gate < cell->gates; gate++) {
            row.gates[gate * MOST_HIDDEN + j] = row.gates[gate * MOST_HIDDEN];
            row.recurrent[gate * MOST_HIDDEN + j] = row.recurrent[gate * MOST_HIDDEN];
        }
        row.h_previous[j] = row.h_previous[0];
        row.c_previous[j] = row.c_previous[0];
    }
    struct cell_row cell_row = view(cell, &row, &outcome);
    functions->forward(MOST_HIDDEN, &cell_row);
    for (size_t j = 1; j < MOST_HIDDEN; j++) {
        for (size_t gate = 0; gate < cell->gates; gate++)
            assert_true(row.gates[gate * MOST_HIDDEN + j] == row.gates[gate * MOST_HIDDEN]);
        assert_true(outcome.h[j] == outcome.h[0]);
        assert_true(!cell->has_cell_state || outcome.c[j] == outcome.c[0]);
    }
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

static void the_direct_gradient_is_added(void **unused)
{
    (void)unused;
    at_every_level(check_direct_gradient);
}

/* Pre-activations far beyond where exp overflows: finite states and finite gradients. */
static void check_extremes(const struct cell_ops *cell, const struct cell_functions *functions)
{
    enum { HIDDEN = 16 };
    struct row row = {0};
    struct outcome outcome;
    float dh_previous[HIDDEN] = {0};
    for (size_t j = 0; j < cell->gates * HIDDEN; j++)
        row.gates[j] = j % 2 ? 1e30F : -1e30F;
    for (size_t j = 0; j < HIDDEN; j++)
        row.h_previous[j] = row.c_previous[j] = row.dh[j] = row.dc[j] = 1;
    struct cell_row cell_row = view(cell, &row, &outcome);
    functions->forward(HIDDEN, &cell_row);
    functions->backward(HIDDEN, &cell_row, row.dh, dh_previous, row.dc);
    for (size_t j = 0; j < HIDDEN; j++)
        assert_true(fabsf(outcome.h[j]) <= 1 && isfinite(row.dc[j]) && isfinite(dh_previous[j]));
    for (size_t j = 0; j < cell->gates * HIDDEN; j++)
        assert_true(isfinite(row.gates[j]) && isfinite(row.recurrent[j]));
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
        struct outcome outcome;
        row.gates[place] = NAN;
        struct cell_row cell_row = view(cell, &row, &outcome);
        functions->forward(MOST_HIDDEN, &cell_row);
        size_t lost = 0;
        for (size_t j = 0; j < MOST_HIDDEN; j++)
            lost += isnan(outcome.h[j]) ? 1 : 0;
        assert_int_equal(lost, 1);
    }
}

static void units_are_computed_alike_wherever_they_are(void **unused)
{
    (void)unused;
    at_every_level(check_places);
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
    for (size_t i = 0; i < cell_count; i++)
        assert_string_equal(cell_names[i], cells[i].name);
    assert_null(cell_names[cell_count]);
    assert_string_equal(cells[0].name, "lstm");
    assert_null(cell_find("LSTM"));
    assert_null(cell_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_agrees_with_the_reference),
        cmocka_unit_test(backward_agrees_with_central_differences),
        cmocka_unit_test(the_direct_gradient_is_added),
        cmocka_unit_test(extreme_gates_stay_finite),
        cmocka_unit_test(units_are_computed_alike_wherever_they_are),
        cmocka_unit_test(what_is_no_number_shows),
        cmocka_unit_test(cells_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
