#include "live_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct live_line line;

static void add_up_to(size_t count)
{
    line = (struct live_line){0};
    for (size_t i = 0; i < count; i++)
        live_line_add(&line, (double)i, 2 * (double)i);
}

static void assert_every(size_t stride, size_t count)
{
    assert_int_equal(line.stride, stride);
    assert_int_equal(line.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(line.x[i] == (double)(i * stride));
        assert_true(line.y[i] == 2 * line.x[i]);
    }
}

static void holds_all_of_a_few(void **state)
{
    (void)state;
    add_up_to(1);
    assert_every(1, 1);
    add_up_to(LIVE_LINE_POINTS);
    assert_every(1, LIVE_LINE_POINTS);
}

static void thins_out_many(void **state)
{
    (void)state;
    add_up_to(LIVE_LINE_POINTS + 1);
    assert_every(2, LIVE_LINE_POINTS / 2 + 1);
    add_up_to(2 * LIVE_LINE_POINTS);
    assert_every(2, LIVE_LINE_POINTS);
    add_up_to(100 * LIVE_LINE_POINTS - 5);
    assert_every(128, (100 * LIVE_LINE_POINTS - 5 + 127) / 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_all_of_a_few),
        cmocka_unit_test(thins_out_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
