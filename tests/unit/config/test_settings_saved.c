#include "lstm_mpi/config/settings_saved.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/text/batches.h"

#include <setjmp.h>
#include <stdarg.h>
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
    return settings_defaults(&fixture.settings, SETTINGS_TRAIN, &fixture.error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    settings_free(&fixture->settings);
    return 0;
}

static void give(struct fixture *fixture, const char *name, const char *text)
{
    assert_int_equal(settings_text_give(&fixture->settings, settings_find(name), text, name, &fixture->error),
                     STATUS_OK);
}

static enum status resume(struct fixture *fixture, const char *name, const char *text)
{
    struct settings_saved saved = {name, text};
    return settings_saved_resume(&fixture->settings, &saved, 1, "old.h5", &fixture->error);
}

static void what_is_not_given_comes_from_the_file(void **state)
{
    struct fixture *fixture = *state;
    static const struct settings_saved saved[] = {
        {"batch_size", "8"}, {"lr", "0.25"},         {"prefix", "春\n秋"},      {"start_offset", "3"},
        {"quiet", "true"},   {"sampling", "random"}, {"init_from", "first.h5"}, {"of_another_version", "?"},
    };
    assert_int_equal(settings_saved_resume(&fixture->settings, saved, sizeof saved / sizeof *saved, "old.h5",
                                           &fixture->error),
                     STATUS_OK);
    const struct settings *settings = &fixture->settings;
    assert_int_equal(settings->batch_size, 8);
    assert_true(settings->lr == 0.25);
    assert_int_equal(settings->prefix.count, 2);
    assert_string_equal(settings->prefix.items[1], "秋");
    assert_int_equal(settings->start_offset, 3);
    assert_true(settings->quiet);
    assert_int_equal(settings->sampling, SAMPLING_RANDOM);
    assert_string_equal(settings->init_from, "first.h5");
    assert_int_equal(settings->num_steps, 35);
    assert_false(settings_given(settings, "lr"));
}

static void what_may_differ_wins(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"epochs",
                                        "max-updates",
                                        "max-minutes",
                                        "log-every",
                                        "log-every-updates",
                                        "checkpoint-every",
                                        "checkpoint-every-minutes",
                                        "keep",
                                        "stall-timeout",
                                        "lr",
                                        "predict-length"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct settings_row *row = settings_find(names[i]);
        give(fixture, names[i], "7");
        assert_int_equal(resume(fixture, row->field, "9"), STATUS_OK);
        char *text;
        assert_int_equal(settings_text_get(&text, &fixture->settings, row, &fixture->error), STATUS_OK);
        assert_string_equal(text, "7");
        memory_free(text);
    }
    give(fixture, "prefix", "春");
    assert_int_equal(resume(fixture, "prefix", "秋"), STATUS_OK);
    assert_string_equal(fixture->settings.prefix.items[0], "春");
    give(fixture, "quiet", "false");
    assert_int_equal(resume(fixture, "quiet", "true"), STATUS_OK);
    assert_false(fixture->settings.quiet);
    give(fixture, "progress", "plain");
    assert_int_equal(resume(fixture, "progress", "bar"), STATUS_OK);
    assert_int_equal(fixture->settings.progress, SETTINGS_PROGRESS_PLAIN);
}

static void what_is_fixed_contradicts(void **state)
{
    struct fixture *fixture = *state;
    static const char *const values[][3] = {
        {"batch-size", "64", "32"},
        {"num-steps", "1", "2"},
        {"hidden-size", "100", "200"},
        {"corpus", "a.txt", "b.txt"},
        {"corpus", "a.txt", ""},
        {"max-tokens", "5000", "0"},
        {"sampling", "random", "sequential"},
        {"start-offset", "0", "random"},
        {"clip-norm", "0.3", "0.31"},
        {"seed", "2", "1"},
        {"init-from", "x.h5", ""},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct settings fresh;
        const struct settings_row *row = settings_find(values[i][0]);
        assert_int_equal(settings_defaults(&fresh, SETTINGS_TRAIN, &fixture->error), STATUS_OK);
        settings_free(&fixture->settings);
        fixture->settings = fresh;
        give(fixture, values[i][0], values[i][1]);
        assert_int_equal(resume(fixture, row->field, values[i][1]), STATUS_OK);
        assert_int_equal(resume(fixture, row->field, values[i][2]), STATUS_FAILED);
        assert_int_equal(fixture->error.status, STATUS_FAILED);
        assert_non_null(strstr(fixture->error.what, values[i][0]));
        assert_non_null(strstr(fixture->error.why, values[i][1]));
        const char *shown = values[i][2][0] ? values[i][2] : row->default_shown ? row->default_shown : "none";
        assert_non_null(strstr(fixture->error.why, shown));
        assert_non_null(strstr(fixture->error.why, "old.h5"));
    }
}

static void a_contradiction_is_one_line(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, "corpus", "a.txt");
    give(fixture, "corpus", "b.txt");
    assert_int_equal(resume(fixture, "corpus", "a.txt\nc.txt"), STATUS_FAILED);
    assert_string_equal(fixture->error.why,
                        "'a.txt b.txt' was given, but the run in old.h5 has 'a.txt c.txt'");
}

static void what_belongs_to_a_start_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, "resume", "true");
    give(fixture, "run-dir", "moved/here");
    assert_int_equal(resume(fixture, "overwrite", "true"), STATUS_OK);
    assert_false(fixture->settings.overwrite);
    assert_int_equal(resume(fixture, "resume", "false"), STATUS_OK);
    assert_true(fixture->settings.resume);
    assert_int_equal(resume(fixture, "run_dir", "was/there"), STATUS_OK);
    assert_string_equal(fixture->settings.run_dir, "moved/here");
    assert_int_equal(resume(fixture, "length", "7"), STATUS_OK);
    assert_int_equal(fixture->settings.length, 200);
    assert_int_equal(resume(fixture, "config", "x.ini"), STATUS_OK);
    assert_null(fixture->settings.config);
}

static void a_saved_text_that_is_no_value(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(resume(fixture, "optimizer", "newton"), STATUS_FAILED);
    assert_non_null(strstr(fixture->error.what, "old.h5"));
    assert_non_null(strstr(fixture->error.what, "optimizer"));
    assert_non_null(strstr(fixture->error.why, "newton"));
    assert_int_equal(resume(fixture, "batch_size", "0"), STATUS_FAILED);
    give(fixture, "batch-size", "8");
    assert_int_equal(resume(fixture, "batch_size", "eight"), STATUS_FAILED);
}

static void the_shape_of_a_model(void **state)
{
    struct fixture *fixture = *state;
    static const struct settings_saved saved[] = {
        {"hidden_size", "48"}, {"batch_size", "8"}, {"bias", "single"}, {"seed", "9"}, {"gates", "many"}};
    static const size_t count = sizeof saved / sizeof *saved;
    assert_int_equal(settings_saved_shape(&fixture->settings, saved, count, "old.h5", &fixture->error),
                     STATUS_OK);
    assert_int_equal(fixture->settings.hidden_size, 48);
    assert_int_equal(fixture->settings.batch_size, 32);
    assert_int_equal(fixture->settings.seed, 1);
    give(fixture, "hidden-size", "64");
    assert_int_equal(settings_saved_shape(&fixture->settings, saved, count, "old.h5", &fixture->error),
                     STATUS_OK);
    assert_int_equal(fixture->settings.hidden_size, 64);
}

static void one_setting_alone(void **state)
{
    struct fixture *fixture = *state;
    static const struct settings_saved saved[] = {{"seed", "9"}, {"prefix", "秋"}};
    assert_int_equal(settings_saved_one(&fixture->settings, "prefix", saved, 2, "old.h5", &fixture->error),
                     STATUS_OK);
    assert_int_equal(fixture->settings.prefix.count, 1);
    assert_string_equal(fixture->settings.prefix.items[0], "秋");
    assert_int_equal(fixture->settings.seed, 1);
    give(fixture, "prefix", "春");
    assert_int_equal(settings_saved_one(&fixture->settings, "prefix", saved, 2, "old.h5", &fixture->error),
                     STATUS_OK);
    assert_string_equal(fixture->settings.prefix.items[0], "春");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_given_comes_from_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_differ_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_fixed_contradicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_contradiction_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_belongs_to_a_start_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_saved_text_that_is_no_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_shape_of_a_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_setting_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
