#include "lstm_mpi/optim/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void without_anything_the_rate_stays(void **unused)
{
    (void)unused;
    struct schedule schedule = {.rate = 0.3, .decay = 1};
    assert_true(schedule_rate(&schedule, 1, 1) == 0.3);
    assert_true(schedule_rate(&schedule, 1000000, UINT64_MAX) == 0.3);
}

static void decay_begins_at_the_end_of_its_epoch(void **unused)
{
    (void)unused;
    struct schedule schedule = {.rate = 8, .decay = 0.5, .decay_after = 3};
    static const double expected[] = {8, 8, 8, 4, 2, 1};
    for (uint64_t epoch = 1; epoch <= 6; epoch++)
        assert_true(schedule_rate(&schedule, epoch, 100 * epoch) == expected[epoch - 1]);
}

static void the_first_epoch_has_the_whole_rate(void **unused)
{
    (void)unused;
    for (uint64_t after = 0; after <= 1; after++) {
        struct schedule schedule = {.rate = 8, .decay = 0.5, .decay_after = after};
        assert_true(schedule_rate(&schedule, 1, 1) == 8);
        assert_true(schedule_rate(&schedule, 2, 1) == 4);
    }
}

static void warmup_is_linear_and_ends(void **unused)
{
    (void)unused;
    struct schedule schedule = {.rate = 2, .decay = 1, .warmup = 4};
    static const double expected[] = {0.5, 1, 1.5, 2, 2};
    for (uint64_t update = 1; update <= 5; update++)
        assert_true(schedule_rate(&schedule, 1, update) == expected[update - 1]);
    schedule.warmup = 1;
    assert_true(schedule_rate(&schedule, 1, 1) == 2);
}

static void decay_and_warmup_go_together(void **unused)
{
    (void)unused;
    struct schedule schedule = {.rate = 2, .decay = 0.5, .decay_after = 1, .warmup = 10};
    assert_true(schedule_rate(&schedule, 2, 5) == 0.5);
}

/* Underflow is a rate of zero, no failure. */
static void many_epochs_of_decay_are_zero(void **unused)
{
    (void)unused;
    struct schedule schedule = {.rate = 1, .decay = 0.5};
    assert_true(schedule_rate(&schedule, UINT64_MAX, UINT64_MAX) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_rate_stays),
        cmocka_unit_test(decay_begins_at_the_end_of_its_epoch),
        cmocka_unit_test(the_first_epoch_has_the_whole_rate),
        cmocka_unit_test(warmup_is_linear_and_ends),
        cmocka_unit_test(decay_and_warmup_go_together),
        cmocka_unit_test(many_epochs_of_decay_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
