#include "lstm_mpi/optim/clip.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_larger_norm_becomes_the_largest_allowed(void **unused)
{
    (void)unused;
    assert_true(clip_factor(4, 1) == 0.25);
    assert_true(clip_factor(1.5, 0.5) == 0.5 / 1.5);
    assert_true(clip_factor(1e300, 1e-8) == 1e-308);
}

/* No epsilon, and at the norm itself nothing happens. */
static void a_norm_up_to_the_largest_stays(void **unused)
{
    (void)unused;
    assert_true(clip_factor(0, 1) == 1);
    assert_true(clip_factor(1, 1) == 1);
    assert_true(clip_factor(nextafter(1, 0), 1) == 1);
    assert_true(clip_factor(nextafter(1, 2), 1) < 1);
    assert_true(clip_factor(DBL_MIN, DBL_MIN) == 1);
}

static void zero_never_clips(void **unused)
{
    (void)unused;
    assert_true(clip_factor(1e9, 0) == 1);
    assert_true(clip_factor(DBL_MAX, 0) == 1);
    assert_true(clip_factor(0, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_larger_norm_becomes_the_largest_allowed),
        cmocka_unit_test(a_norm_up_to_the_largest_stays),
        cmocka_unit_test(zero_never_clips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
