#include "lstm_mpi/config/settings_check.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/config/settings_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void give(struct settings *settings, const char *name, const char *text)
{
    struct error error;
    assert_int_equal(settings_text_give(settings, settings_find(name), text, name, &error), STATUS_OK);
}

static void count_warning(void *context, const char *line)
{
    ++*(int *)context;
    assert_non_null(strstr(line, "--top-k"));
    assert_non_null(strstr(line, "--temperature"));
}

static void settings_that_do_not_go_together(void **state)
{
    (void)state;
    struct error error;
    struct settings settings;
    assert_int_equal(settings_defaults(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);

    give(&settings, "resume", "true");
    give(&settings, "init-from", "model.h5");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    give(&settings, "overwrite", "true");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "--resume"));
    assert_non_null(strstr(error.what, "--overwrite"));
    give(&settings, "overwrite", "false");
    give(&settings, "momentum", "0.9");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    give(&settings, "optimizer", "adam");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "--momentum"));
    assert_non_null(strstr(error.what, "--optimizer"));

    assert_int_equal(settings_check(&settings, SETTINGS_GENERATE, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "--checkpoint"));
    give(&settings, "checkpoint", "checkpoint.h5");
    int warnings = 0;
    log_set_sink(count_warning, &warnings);
    assert_int_equal(settings_check(&settings, SETTINGS_GENERATE, &error), STATUS_OK);
    assert_int_equal(warnings, 0);
    give(&settings, "top-k", "5");
    assert_int_equal(settings_check(&settings, SETTINGS_GENERATE, &error), STATUS_OK);
    assert_int_equal(warnings, 1);
    give(&settings, "temperature", "0.5");
    assert_int_equal(settings_check(&settings, SETTINGS_GENERATE, &error), STATUS_OK);
    assert_int_equal(warnings, 1);
    log_set_sink(NULL, NULL);

    assert_int_equal(settings_check(&settings, SETTINGS_INSPECT, &error), STATUS_USAGE);
    give(&settings, "files", "a.h5");
    assert_int_equal(settings_check(&settings, SETTINGS_INSPECT, &error), STATUS_OK);
    give(&settings, "files", "b.h5");
    assert_int_equal(settings_check(&settings, SETTINGS_INSPECT, &error), STATUS_OK);
    give(&settings, "files", "c.h5");
    assert_int_equal(settings_check(&settings, SETTINGS_INSPECT, &error), STATUS_USAGE);
    assert_non_null(strstr(error.why, "c.h5"));

    assert_int_equal(settings_check(&settings, SETTINGS_REPORT, &error), STATUS_USAGE);
    give(&settings, "runs", "runs/novel");
    assert_int_equal(settings_check(&settings, SETTINGS_REPORT, &error), STATUS_OK);

    assert_int_equal(settings_check(&settings, SETTINGS_EXPORT, &error), STATUS_USAGE);
    assert_string_equal(error.what, "command export");
    give(&settings, "safetensors", "a.safetensors");
    assert_int_equal(settings_check(&settings, SETTINGS_EXPORT, &error), STATUS_OK);
    assert_int_equal(settings_check(&settings, SETTINGS_IMPORT, &error), STATUS_OK);
    give(&settings, "safetensors", "b.safetensors");
    assert_int_equal(settings_check(&settings, SETTINGS_IMPORT, &error), STATUS_USAGE);
    assert_non_null(strstr(error.why, "b.safetensors"));
    settings_free(&settings);
}

static void assert_model_refused(const struct settings *settings, const char *one, const char *other)
{
    struct error error;
    assert_int_equal(settings_check_model(settings, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, one));
    assert_non_null(strstr(error.what, other));
    assert_int_equal(settings_check(settings, SETTINGS_TRAIN, &error), STATUS_USAGE);
    assert_true(error.why[0] && error.remedy[0]);
}

static void models_that_cannot_be(void **state)
{
    (void)state;
    struct error error;
    struct settings settings;
    assert_int_equal(settings_defaults(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    give(&settings, "tie-weights", "true");
    assert_model_refused(&settings, "--tie-weights", "--embedding-size");
    give(&settings, "init-from", "model.h5"); /* may have what is missing */
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    settings_free(&settings);

    assert_int_equal(settings_defaults(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    give(&settings, "tie-weights", "true");
    give(&settings, "embedding-size", "64");
    assert_model_refused(&settings, "--embedding-size", "--hidden-size");
    give(&settings, "hidden-size", "64");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    give(&settings, "bidirectional", "true");
    assert_model_refused(&settings, "--tie-weights", "--bidirectional");
    give(&settings, "tie-weights", "false");
    assert_int_equal(settings_check(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    settings_free(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_that_do_not_go_together),
        cmocka_unit_test(models_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
