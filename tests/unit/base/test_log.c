#include "lstm_mpi/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct lines {
    int count;
    char last[LOG_LINE_BYTES];
};

static void keep(void *context, const char *line)
{
    struct lines *lines = context;
    lines->count++;
    snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void warnings_reach_the_sink(void **state)
{
    (void)state;
    struct lines lines = {0};
    log_warning("nobody listens to %d", 1);
    log_set_sink(keep, &lines);
    assert_int_equal(lines.count, 0);
    log_warning("%s is not in the vocabulary, %d times", "剑", 3);
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.last, "剑 is not in the vocabulary, 3 times");
    log_set_sink(NULL, NULL);
    log_warning("dropped");
    assert_int_equal(lines.count, 1);
}

static void long_warnings_are_cut_between_characters(void **state)
{
    (void)state;
    struct lines lines = {0};
    char text[3 * LOG_LINE_BYTES + 1] = "";
    for (size_t i = 0; i < LOG_LINE_BYTES; i++)
        memcpy(text + 3 * i, "剑\0", 4);
    log_set_sink(keep, &lines);
    for (size_t ahead = 0; ahead < 3; ahead++) {
        log_warning("%.*s%s", (int)ahead, "aa", text);
        size_t kept = strlen(lines.last);
        assert_true(kept < LOG_LINE_BYTES && kept >= LOG_LINE_BYTES - 3);
        assert_int_equal((kept - ahead) % 3, 0);
    }
    log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warnings_reach_the_sink),
        cmocka_unit_test(long_warnings_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
