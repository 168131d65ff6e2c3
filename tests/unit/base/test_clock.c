#include "lstm_mpi/base/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "00:00:00"},         {0.999, "00:00:00"},  {1, "00:00:01"},
                 {372, "00:06:12"},       {3599.9, "00:59:59"}, {3600, "01:00:00"},
                 {-5, "00:00:00"},        {359999, "99:59:59"}, {360000, "100:00:00"},
                 {1e300, "277777:46:40"}, {NAN, "00:00:00"},    {INFINITY, "277777:46:40"},
                 {-INFINITY, "00:00:00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLOCK_TEXT_BYTES];
        clock_format(text, cases[i].seconds);
        assert_string_equal(text, cases[i].text);
    }
}

static void seconds_pass(void **state)
{
    (void)state;
    double before = clock_seconds();
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL), 0);
    double slept = clock_seconds() - before;
    assert_true(slept >= 0.02 && slept < 60);
}

static void the_moment_is_utc(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES];
    time_t before = time(NULL);
    clock_utc(text);
    time_t after = time(NULL);
    struct tm parts = {0};
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    assert_true(end && *end == '\0');
    assert_int_equal(strlen(text), strlen("2026-11-24T20:10:32Z"));
    time_t moment = timegm(&parts);
    assert_true(moment >= before && moment <= after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(seconds_pass),
        cmocka_unit_test(the_moment_is_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
