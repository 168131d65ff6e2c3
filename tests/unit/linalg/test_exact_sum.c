/* Terms of very different sizes in any order, split over any number of partial sums: the same bits. */

#include "lstm_mpi/linalg/exact_sum.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "support/blis_configuration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TERMS = 1000, WIDTH = 37 };

/* Within ±2^-30 … ±2^30. */
static float term(size_t i, size_t column)
{
    double size = exp2(60 * random_uniform(3, column, i) - 30);
    return (float)(size * random_normal(4, column, i));
}

static double bound_of(size_t column)
{
    double bound = 0;
    for (size_t i = 0; i < TERMS; i++)
        bound += fabs((double)term(i, column));
    return bound;
}

static double largest_bound(void)
{
    double bound = 0;
    for (size_t column = 0; column < WIDTH; column++)
        bound = fmax(bound, bound_of(column));
    return bound;
}

/* Every parts-th term from `part` on, backwards if that is odd. */
static void add_part(double *sums, double rounder, size_t part, size_t parts)
{
    size_t count = (TERMS - part + parts - 1) / parts;
    for (size_t k = 0; k < count; k++) {
        size_t i = part + parts * (part % 2 == 0 ? k : count - 1 - k);
        float row[WIDTH];
        for (size_t column = 0; column < WIDTH; column++)
            row[column] = term(i, column);
        exact_sum_add(WIDTH, row, rounder, sums);
    }
}

static void sums_do_not_depend_on_the_order(void **state)
{
    (void)state;
    double rounder = exact_sum_rounder(largest_bound());
    double whole[WIDTH] = {0};
    add_part(whole, rounder, 0, 1);
    static const size_t counts[] = {2, 3, 4, 5, 8, 100, TERMS};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        double sums[WIDTH] = {0};
        for (size_t part = counts[c]; part-- > 0;) {
            double some[WIDTH] = {0};
            add_part(some, rounder, part, counts[c]);
            for (size_t column = 0; column < WIDTH; column++)
                sums[column] += some[column];
        }
        assert_memory_equal(sums, whole, sizeof sums);
    }
}

static void little_is_lost(void **state)
{
    (void)state;
    double bound = largest_bound();
    double sums[WIDTH] = {0};
    add_part(sums, exact_sum_rounder(bound), 0, 1);
    for (size_t column = 0; column < WIDTH; column++) {
        long double expected = 0;
        for (size_t i = 0; i < TERMS; i++)
            expected += (long double)term(i, column);
        assert_true(fabsl((long double)sums[column] - expected) <= TERMS * 0x1p-50L * (long double)bound);
    }
}

/* Terms that reach the bound, all of one sign. */
static void sums_may_reach_the_bound(void **state)
{
    (void)state;
    static const float bounds[] = {1, 1.5F, 0x1.fffffep-1F, 0x1p-100F, 0x1p100F};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        double sum = 0;
        exact_sum_add(1, &bounds[i], exact_sum_rounder((double)bounds[i]), &sum);
        assert_true(sum == (double)bounds[i]);
    }
    float zero = 0;
    double sum = 0;
    exact_sum_add(1, &zero, exact_sum_rounder(0), &sum);
    assert_true(sum == 0);
}

static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    static const float terms[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        double sum = 0;
        exact_sum_add(1, &terms[i], exact_sum_rounder(1), &sum);
        assert_true(!isfinite(sum));
    }
    float one = 1;
    double sum = 0;
    exact_sum_add(1, &one, exact_sum_rounder((double)INFINITY), &sum);
    assert_true(!isfinite(sum));
}

static double *sum_at(const struct exact_matrix *C, size_t row, size_t column)
{
    return C->transposed ? &C->sums[column * C->stride + row] : &C->sums[row * C->stride + column];
}

/* Products of whole numbers, whose sums are known, and between the rows numbers that stay. */
static void check_products(size_t M, size_t N, size_t depth, size_t count, bool transposed)
{
    enum { GAP = 3 };
    static const double untouched = -77;
    struct error error;
    struct panels A[4];
    struct panels B[4];
    float *left;
    float *right;
    struct exact_matrix C = {.stride = (transposed ? M : N) + GAP, .transposed = transposed};
    size_t lines = transposed ? N : M;
    assert_int_equal(memory_new(&left, count * M * depth, &error), STATUS_OK);
    assert_int_equal(memory_new(&right, count * N * depth, &error), STATUS_OK);
    assert_int_equal(memory_new(&C.sums, lines * C.stride, &error), STATUS_OK);
    for (size_t i = 0; i < count * M * depth; i++)
        left[i] = (float)random_below(5, 1, i, 9) - 4;
    for (size_t i = 0; i < count * N * depth; i++)
        right[i] = (float)random_below(5, 2, i, 9) - 4;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(panels_create(&A[i], PANELS_NARROW, M, depth, &error), STATUS_OK);
        assert_int_equal(panels_create(&B[i], PANELS_WIDE, N, depth, &error), STATUS_OK);
        panels_pack(&A[i], (struct panels_source){left + i * M * depth, M, depth, 1, M});
        panels_pack(&B[i], (struct panels_source){right + i * N * depth, N, depth, 1, N});
    }
    for (size_t i = 0; i < lines * C.stride; i++)
        C.sums[i] = untouched;
    double rounder = exact_sum_rounder(16 * (double)(count * depth));
    exact_sum_products(&C, A, B, count, rounder, false);
    exact_sum_products(&C, A, B, count, rounder, true);
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double expected = 0;
            for (size_t k = 0; k < count * depth; k++)
                expected += 2 * (double)left[k * M + m] * (double)right[k * N + n];
            if (*sum_at(&C, m, n) != expected)
                fail_msg("[%zu, %zu] of %zu x %zu x %zu x %zu is %g, not %g", m, n, M, N, depth, count,
                         *sum_at(&C, m, n), expected);
        }
    }
    for (size_t line = 0; line < lines; line++) {
        for (size_t i = C.stride - GAP; i < C.stride; i++)
            assert_true(C.sums[line * C.stride + i] == untouched);
    }
    for (size_t i = 0; i < count; i++) {
        panels_free(&A[i]);
        panels_free(&B[i]);
    }
    memory_free(left);
    memory_free(right);
    memory_free(C.sums);
}

static void products_are_added(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        check_products(1, 1, 1, 1, transposed);
        check_products(5, 33, 7, 3, transposed);
        check_products(12, 32, 1, 4, transposed);
        check_products(150, 65, 35, 2, transposed);
        check_products(61, 20, 600, 2, transposed);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_do_not_depend_on_the_order),
        cmocka_unit_test(little_is_lost),
        cmocka_unit_test(sums_may_reach_the_bound),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(products_are_added),
    };
    int status = blis_configuration_start(argc, argv);
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
