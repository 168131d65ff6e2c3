#include "lstm_mpi/config/settings_text.h"

#include "lstm_mpi/base/memory.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct settings settings;
    struct error error;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    return settings_defaults(&fixture.settings, &fixture.error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    settings_free(&fixture->settings);
    return 0;
}

static enum status give(struct fixture *fixture, const char *name, const char *text)
{
    return settings_text_give(&fixture->settings, settings_find(name), text, "option --x", &fixture->error);
}

static void assert_reads_as(struct fixture *fixture, const char *name, const char *expected)
{
    char *text;
    assert_int_equal(settings_text_get(&text, &fixture->settings, settings_find(name), &fixture->error),
                     STATUS_OK);
    assert_string_equal(text, expected);
    memory_free(text);
}

static void assert_round_trip(struct fixture *fixture, const struct settings_row *row)
{
    char *text;
    struct settings copy = {0};
    assert_int_equal(settings_text_get(&text, &fixture->settings, row, &fixture->error), STATUS_OK);
    assert_int_equal(settings_text_set(&copy, row, text, "copy", &fixture->error), STATUS_OK);
    assert_true(settings_equal(&copy, &fixture->settings, row));
    assert_false(copy.given[row - settings_table]);
    memory_free(text);
    settings_free(&copy);
}

static void every_default_makes_the_round_trip(void **state)
{
    for (size_t i = 0; i < settings_count; i++)
        assert_round_trip(*state, &settings_table[i]);
}

static void numbers_make_the_round_trip(void **state)
{
    struct fixture *fixture = *state;
    static const double numbers[] = {0.1,     1.0 / 3,       1e-30,  DBL_MIN, DBL_TRUE_MIN,
                                     DBL_MAX, 0x1.fffffep-1, 1234.5, 1e22,    5e-324};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        fixture->settings.lr = numbers[i];
        assert_round_trip(fixture, settings_find("lr"));
    }
    fixture->settings.lr = 0.1;
    assert_reads_as(fixture, "lr", "0.1");
    fixture->settings.seed = UINT64_MAX;
    assert_round_trip(fixture, settings_find("seed"));
    assert_reads_as(fixture, "seed", "18446744073709551615");
    fixture->settings.start_offset = 0;
    assert_reads_as(fixture, "start-offset", "0");
    fixture->settings.start_offset = INT64_MAX;
    assert_round_trip(fixture, settings_find("start-offset"));
}

static void lists_make_the_round_trip(void **state)
{
    struct fixture *fixture = *state;
    static const char *const items[] = {"a, b", "line\nbreak", "back\\slash", "\\n", "\n", "\\", "你", "%s"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        assert_int_equal(give(fixture, "prefix", items[i]), STATUS_OK);
        assert_round_trip(fixture, settings_find("prefix"));
        assert_int_equal(fixture->settings.prefix.count, i + 1);
        assert_string_equal(fixture->settings.prefix.items[i], items[i]);
    }
    assert_reads_as(fixture, "prefix", "a, b\nline\\nbreak\nback\\\\slash\n\\\\n\n\\n\n\\\\\n你\n%s");
    assert_int_equal(
        settings_text_set(&fixture->settings, settings_find("prefix"), "", "copy", &fixture->error),
        STATUS_OK);
    assert_int_equal(fixture->settings.prefix.count, 0);
}

/* Each numeric row takes its bounds, and not what lies just beyond. */
static void ranges_of_whole_numbers(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (row->kind != SETTINGS_WHOLE && row->kind != SETTINGS_WHOLE_OR_RANDOM)
            continue;
        snprintf(text, sizeof text, "%" PRIu64, row->least);
        assert_int_equal(give(fixture, row->name, text), STATUS_OK);
        assert_reads_as(fixture, row->name, text);
        snprintf(text, sizeof text, "%" PRIu64, row->most);
        assert_int_equal(give(fixture, row->name, text), STATUS_OK);
        assert_reads_as(fixture, row->name, text);
        assert_round_trip(fixture, row);

        snprintf(text, sizeof text, "%" PRId64, (int64_t)row->least - 1);
        assert_int_equal(give(fixture, row->name, text), STATUS_USAGE);
        if (row->most < UINT64_MAX)
            snprintf(text, sizeof text, "%" PRIu64, row->most + 1);
        else
            snprintf(text, sizeof text, "18446744073709551616");
        assert_int_equal(give(fixture, row->name, text), STATUS_USAGE);
        assert_string_equal(fixture->error.what, "option --x");
        assert_non_null(strstr(fixture->error.why, "out of range"));
        assert_non_null(strstr(fixture->error.why, text));
    }
}

static void ranges_of_real_numbers(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        if (row->kind != SETTINGS_REAL)
            continue;
        double inside = row->lowest_excluded ? nextafter(row->lowest, INFINITY) : row->lowest;
        double outside = row->lowest_excluded ? row->lowest : nextafter(row->lowest, -INFINITY);
        snprintf(text, sizeof text, "%.17g", inside);
        assert_int_equal(give(fixture, row->name, text), STATUS_OK);
        assert_true(*(const double *)settings_value(&fixture->settings, row) == inside);
        snprintf(text, sizeof text, "%.17g", outside);
        assert_int_equal(give(fixture, row->name, text), STATUS_USAGE);
        assert_int_equal(give(fixture, row->name, "1e400"), STATUS_USAGE);
        assert_true(*(const double *)settings_value(&fixture->settings, row) == inside);
    }
}

static void the_ranges_that_are_promised(void **state)
{
    struct fixture *fixture = *state;
    static const char *const refused[][2] = {
        {"batch-size", "0"}, {"num-steps", "0"}, {"hidden-size", "0"},    {"epochs", "0"},
        {"lr", "0"},         {"lr", "-1"},       {"clip-norm", "-0.1"},   {"max-minutes", "-1"},
        {"keep", "-1"},      {"length", "-1"},   {"temperature", "-0.5"}, {"start-offset", "-1"},
        {"log-every", "0"},
    };
    static const char *const taken[][2] = {
        {"max-tokens", "0"}, {"clip-norm", "0"},        {"max-minutes", "0"},
        {"keep", "0"},       {"length", "0"},           {"temperature", "0"},
        {"top-k", "0"},      {"predict-length", "0"},   {"seed", "0"},
        {"lr", "1e-30"},     {"checkpoint-every", "0"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(give(fixture, refused[i][0], refused[i][1]), STATUS_USAGE);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_int_equal(give(fixture, taken[i][0], taken[i][1]), STATUS_OK);
}

static void words_that_are_no_values(void **state)
{
    struct fixture *fixture = *state;
    static const char *const whole[] = {"abc", "", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "-", "--1", "１"};
    static const char *const real[] = {"abc", "",   " 1", "1 ", "nan",   "inf",      "-inf", "0x1p3",
                                       "1,5", "1e", "e",  "-",  "1.2.3", "infinity", "1f",   "E1"};
    static const char *const flag[] = {"", "maybe", "2", "-1", "truely", " true"};
    static const char *const choice[] = {"", "Random", "rand", "randomly", "0", "sequential "};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        assert_int_equal(give(fixture, "batch-size", whole[i]), STATUS_USAGE);
        assert_int_equal(give(fixture, "start-offset", whole[i]), STATUS_USAGE);
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        assert_int_equal(give(fixture, "temperature", real[i]), STATUS_USAGE);
    for (size_t i = 0; i < sizeof flag / sizeof *flag; i++)
        assert_int_equal(give(fixture, "quiet", flag[i]), STATUS_USAGE);
    for (size_t i = 0; i < sizeof choice / sizeof *choice; i++)
        assert_int_equal(give(fixture, "sampling", choice[i]), STATUS_USAGE);
    assert_int_equal(give(fixture, "run-dir", ""), STATUS_USAGE);
    assert_int_equal(give(fixture, "prefix", ""), STATUS_USAGE);
    for (size_t i = 0; i < settings_count; i++)
        assert_false(fixture->settings.given[i]);
    assert_int_equal(fixture->settings.batch_size, 32);
    assert_string_equal(fixture->settings.run_dir, "runs/lstm");
    assert_int_equal(fixture->settings.prefix.count, 2);
}

static void errors_say_what_to_do(void **state)
{
    struct fixture *fixture = *state;
    char line[ERROR_LINE_BYTES];
    assert_int_equal(give(fixture, "keep", "ab%sc"), STATUS_USAGE);
    error_line(line, &fixture->error);
    assert_string_equal(line,
                        "option --x: 'ab%sc' is not a whole number (give a whole number of at least 0)");
    assert_int_equal(give(fixture, "keep", "9223372036854775808"), STATUS_USAGE);
    error_line(line, &fixture->error);
    assert_string_equal(line,
                        "option --x: '9223372036854775808' is out of range (give a whole number from 0 to "
                        "9223372036854775807)");
    assert_int_equal(give(fixture, "progress", "fast"), STATUS_USAGE);
    error_line(line, &fixture->error);
    assert_string_equal(line, "option --x: 'fast' is not one of the choices (give auto, bar or plain)");
    assert_int_equal(give(fixture, "lr", "-1"), STATUS_USAGE);
    error_line(line, &fixture->error);
    assert_string_equal(line, "option --x: '-1' is out of range (give a number above 0)");
}

static void flags_take_the_usual_words(void **state)
{
    struct fixture *fixture = *state;
    static const char *const on[] = {"true", "yes", "on", "1", "True", "YES"};
    static const char *const off[] = {"false", "no", "off", "0", "False", "OFF"};
    for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
        assert_int_equal(give(fixture, "quiet", on[i]), STATUS_OK);
        assert_true(fixture->settings.quiet);
        assert_int_equal(give(fixture, "quiet", off[i]), STATUS_OK);
        assert_false(fixture->settings.quiet);
    }
}

static void what_is_given_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    assert_false(settings_given(&fixture->settings, "lr"));
    assert_int_equal(give(fixture, "lr", "1"), STATUS_OK);
    assert_true(settings_given(&fixture->settings, "lr"));
    assert_false(settings_given(&fixture->settings, "seed"));
    assert_false(settings_given(&fixture->settings, "no-such"));
    assert_int_equal(give(fixture, "prefix", "我"), STATUS_OK);
    assert_int_equal(fixture->settings.prefix.count, 1);
    assert_int_equal(give(fixture, "prefix", "你"), STATUS_OK);
    assert_int_equal(fixture->settings.prefix.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_default_makes_the_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_make_the_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_make_the_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_of_whole_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_of_real_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ranges_that_are_promised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_that_are_no_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_say_what_to_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_take_the_usual_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_given_is_remembered, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
