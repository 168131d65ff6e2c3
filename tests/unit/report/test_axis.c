#include "axis.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_linear(void **state)
{
    (void)state;
    struct axis axis = axis_make(3, 9, true, true, 100, 200);
    assert_false(axis.logarithmic);
    assert_float_equal(axis.least, 0, 0);
    assert_float_equal(axis.ticks[0], 0, 0);
    assert_float_equal(axis.ticks[1], 2, 1e-9);
    assert_int_equal(axis.tick_count, 5);
    assert_float_equal(axis_place(&axis, 0), 100, 1e-9);
    assert_in_range((int)axis_place(&axis, 9), 190, 199);
}

static void test_logarithmic(void **state)
{
    (void)state;
    struct axis axis = axis_make(1.5, 1500, true, false, 200, 100);
    assert_true(axis.logarithmic);
    assert_float_equal(axis_place(&axis, 15), (axis_place(&axis, 1.5) + axis_place(&axis, 150)) / 2, 1e-9);
    assert_float_equal(axis_place(&axis, -1), 200, 1e-9);
    const double expected[] = {2, 5, 10, 20, 50, 100, 200, 500, 1000};
    assert_int_equal(axis.tick_count, 9);
    for (size_t t = 0; t < 9; t++)
        assert_float_equal(axis.ticks[t], expected[t], 1e-6);
    assert_false(axis_make(1.5, 1500, false, false, 0, 1).logarithmic);
    assert_false(axis_make(0, 1500, true, false, 0, 1).logarithmic);
    assert_false(axis_make(100, 150, true, false, 0, 1).logarithmic);
}

/* Whatever the numbers are, there are ticks, within the axis, and every number has its place. */
static void test_any_numbers(void **state)
{
    (void)state;
    static const double numbers[] = {-1e250, -1e6, -1, -1e-300,      0, 1e-300, 1e-249, 1e-9,
                                     0.1,    1,    7,  7.0000000001, 8, 1e6,    1e12,   1e250};
    size_t count = sizeof numbers / sizeof *numbers;
    for (size_t i = 0; i < 4 * count * count; i++) {
        double least = numbers[i / 4 / count], most = numbers[i / 4 % count];
        struct axis axis = axis_make(least, most, i % 2 == 0, i / 2 % 2 == 0, 0, 100);
        assert_in_range(axis.tick_count, 1, AXIS_MAX_TICKS);
        for (size_t t = 0; t < axis.tick_count; t++) {
            double place = axis_place(&axis, axis.ticks[t]);
            assert_true(place > -1e-3 && place < 100.001);
        }
        if (least <= most) {
            assert_true(axis_place(&axis, least) > -1e-3 && axis_place(&axis, most) < 100.001);
            assert_true(axis_place(&axis, least) <= axis_place(&axis, most));
        }
    }
}

static void test_what_can_be_shown(void **state)
{
    (void)state;
    assert_true(axis_shows(0) && axis_shows(-5) && axis_shows(1e250));
    assert_false(axis_shows((double)NAN) || axis_shows((double)INFINITY) || axis_shows(DBL_MAX));
}

static void check_format(double value, const char *expected, const char *whole)
{
    char text[AXIS_TEXT_BYTES];
    axis_format(text, value);
    assert_string_equal(text, expected);
    axis_format_whole(text, value);
    assert_string_equal(text, whole);
}

static void test_formats(void **state)
{
    (void)state;
    check_format(0, "0", "0");
    check_format(0.25, "0.25", "0.25");
    check_format(1250, "1250", "1,250");
    check_format(312840, "312.8k", "312,840");
    check_format(-1234567, "-1.235M", "-1,234,567");
    check_format(0.001, "0.001", "0.001");
    check_format(0.00018, "180µ", "180µ");
    check_format(-2.5e-9, "-2.5n", "-2.5n");
    check_format(1e-10, "1e-10", "1e-10");
    check_format(999999999999999, "1000T", "999,999,999,999,999");
    check_format(1e15, "1e+15", "1e+15");
    check_format(1e250, "1e+250", "1e+250");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),      cmocka_unit_test(test_logarithmic),
        cmocka_unit_test(test_any_numbers), cmocka_unit_test(test_what_can_be_shown),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
