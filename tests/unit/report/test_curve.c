#include "curve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 100000 };

struct record {
    int64_t other;
    double y;
};

static double x[MANY];
static struct record records[MANY];
static struct curve_point points[CURVE_MAX_POINTS];

static struct curve curve_of(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = (double)(2 * i + 2);
        records[i].y = (double)i;
    }
    return (struct curve){
        .x = {x, sizeof *x}, .y = {&records[0].y, sizeof *records}, .count = count, .x_unit = 2};
}

static void test_few_points_are_all_there(void **state)
{
    (void)state;
    struct curve curve = curve_of(5);
    assert_int_equal(curve_points(points, &curve, false), 5);
    assert_float_equal(points[4].x, 5, 0);
    assert_float_equal(points[4].y, 4, 0);
    assert_true(points[0].begins);
    assert_false(points[1].begins);
    assert_int_equal(curve_points(points, &curve, true), 4);
    curve.count = 0;
    assert_int_equal(curve_points(points, &curve, false), 0);
}

static void test_gaps(void **state)
{
    (void)state;
    struct curve curve = curve_of(6);
    records[2].y = (double)NAN;
    records[4].y = (double)INFINITY;
    assert_int_equal(curve_points(points, &curve, false), 4);
    assert_true(points[2].begins && points[3].begins);
    curve.bridges = true;
    assert_int_equal(curve_points(points, &curve, false), 4);
    assert_false(points[2].begins || points[3].begins);
}

static void test_many_points_become_stretches(void **state)
{
    (void)state;
    struct curve curve = curve_of(MANY);
    records[12345].y = -1e6;
    records[12346].y = 1e9;
    records[77777].y = (double)NAN;
    assert_int_equal(curve_points(points, &curve, false), CURVE_MAX_POINTS);
    size_t lowest = 0, highest = 0;
    for (size_t p = 0; p < CURVE_MAX_POINTS; p++) {
        assert_true(p == 0 || points[p].x > points[p - 1].x);
        assert_true(points[p].low <= points[p].y && points[p].y <= points[p].high);
        lowest += points[p].low <= -1e6;
        highest += points[p].high >= 1e9;
    }
    assert_int_equal(lowest, 1);
    assert_int_equal(highest, 1);
    assert_float_equal(points[0].x, 1, 0);
    size_t of_point = MANY / CURVE_MAX_POINTS;
    assert_float_equal(points[0].y, 0.5F * (float)(of_point - 1), 1e-9);
    assert_float_equal(points[CURVE_MAX_POINTS - 1].high, MANY - 1, 0);
}

static void test_find(void **state)
{
    (void)state;
    struct curve curve = curve_of(10);
    assert_int_equal(curve_find(&curve, 0), 0);
    assert_int_equal(curve_find(&curve, 1), 0);
    assert_int_equal(curve_find(&curve, 3.9), 2);
    assert_int_equal(curve_find(&curve, 4), 3);
    assert_int_equal(curve_find(&curve, 1e9), 9);
    assert_int_equal(curve_find(&curve, (double)NAN), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_points_are_all_there),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_many_points_become_stretches),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
