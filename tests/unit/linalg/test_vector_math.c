/* exp, sigmoid and tanh against the C library's of double precision, over all that they are used for. */

#include "lstm_mpi/linalg/vector_math.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The largest error between two arguments, in units in the last place. */
static double largest_error(float function(float), double reference(double), float from, float to)
{
    enum { STEPS = 400000 };
    double largest = 0;
    for (int i = 0; i <= STEPS; i++) {
        float x = from + (to - from) * (float)i / STEPS;
        double expected = reference((double)x);
        double unit = fmax(fabs(expected), FLT_MIN) * FLT_EPSILON;
        largest = fmax(largest, fabs((double)function(x) - expected) / unit);
    }
    return largest;
}

static void exponentials_are_exact_to_the_last_place(void **unused)
{
    (void)unused;
    assert_true(largest_error(vector_expf, exp, -87.3F, 87.3F) < 1);
    assert_true(largest_error(vector_expf, exp, -1, 1) < 1);
    assert_true(largest_error(vector_expf, exp, -1e-6F, 1e-6F) < 1);
    assert_true(vector_expf(0) == 1);
}

static void what_is_next_to_nothing_stays_so(void **unused)
{
    (void)unused;
    static const float arguments[] = {-87.4F, -104, -1e10F, -FLT_MAX, -INFINITY};
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        assert_true(vector_expf(arguments[i]) >= 0 && vector_expf(arguments[i]) < 1.3e-38F);
}

static void sigmoids_are_exact_to_two_last_places(void **unused)
{
    (void)unused;
    assert_true(largest_error(vector_sigmoidf, sigmoid, -87, 87) < 2);
    assert_true(largest_error(vector_sigmoidf, sigmoid, -2, 2) < 2);
    assert_true(vector_sigmoidf(0) == 0.5F);
    assert_true(vector_sigmoidf(INFINITY) == 1 && vector_sigmoidf(200) == 1);
    assert_true(vector_sigmoidf(-INFINITY) < 1.3e-38F && vector_sigmoidf(-200) < 1.3e-38F);
}

static void tangents_are_exact_to_two_last_places(void **unused)
{
    (void)unused;
    assert_true(largest_error(vector_tanhf, tanh, -12, 12) < 2);
    assert_true(largest_error(vector_tanhf, tanh, -0.5F, 0.5F) < 2);
    assert_true(largest_error(vector_tanhf, tanh, -1e-5F, 1e-5F) < 2);
    assert_true(largest_error(vector_tanhf, tanh, -1e-30F, 1e-30F) < 2);
    assert_true(vector_tanhf(0) == 0);
    assert_true(vector_tanhf(INFINITY) == 1 && vector_tanhf(-INFINITY) == -1);
    assert_true(vector_tanhf(300) == 1 && vector_tanhf(-300) == -1);
}

static void what_is_no_number_stays_none(void **unused)
{
    (void)unused;
    for (unsigned payload = 1; payload < 0x400000; payload = payload * 5 + 3) {
        uint32_t bits = 0x7fc00000 | payload;
        float x;
        memcpy(&x, &bits, sizeof x);
        assert_true(isnan(vector_expf(x)) && isnan(vector_sigmoidf(x)) && isnan(vector_tanhf(x)));
        assert_true(isnan(vector_expf(-x)) && isnan(vector_sigmoidf(-x)) && isnan(vector_tanhf(-x)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponentials_are_exact_to_the_last_place),
        cmocka_unit_test(what_is_next_to_nothing_stays_so),
        cmocka_unit_test(sigmoids_are_exact_to_two_last_places),
        cmocka_unit_test(tangents_are_exact_to_two_last_places),
        cmocka_unit_test(what_is_no_number_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
