#include "lstm_mpi/config/settings_file.h"
#include "lstm_mpi/text/batches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct settings settings;
    struct error error;
    char path[64];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    strcpy(fixture.path, "/tmp/test_settings_file.XXXXXX");
    int descriptor = mkstemp(fixture.path);
    if (descriptor < 0)
        return -1;
    close(descriptor);
    return settings_defaults(&fixture.settings, &fixture.error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    settings_free(&fixture->settings);
    return unlink(fixture->path);
}

static enum status read_bytes(struct fixture *fixture, const char *text, size_t bytes)
{
    FILE *stream = fopen(fixture->path, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, bytes, stream), bytes);
    assert_int_equal(fclose(stream), 0);
    return settings_file_read(&fixture->settings, fixture->path, SETTINGS_TRAIN, &fixture->error);
}

static enum status read_text(struct fixture *fixture, const char *text)
{
    return read_bytes(fixture, text, strlen(text));
}

static void assert_fails_at(struct fixture *fixture, const char *text, const char *where, const char *why)
{
    assert_int_equal(read_text(fixture, text), STATUS_USAGE);
    assert_int_equal(fixture->error.status, STATUS_USAGE);
    assert_non_null(strstr(fixture->error.what, fixture->path));
    assert_non_null(strstr(fixture->error.what, where));
    assert_non_null(strstr(fixture->error.why, why));
    assert_true(fixture->error.remedy[0] != '\0');
}

static void a_plain_file(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "# a comment\n"
                                        "; another\n"
                                        "\n"
                                        "batch-size = 8\n"
                                        "lr=0.5 ; with a comment\n"
                                        "quiet = yes\n"
                                        "prefix = 春 天\n"
                                        "prefix = a = b: c\n"
                                        "sampling: random\n"
                                        "run-dir = runs/a#b\t# with a comment"),
                     STATUS_OK);
    const struct settings *settings = &fixture->settings;
    assert_int_equal(settings->batch_size, 8);
    assert_true(settings->lr == 0.5);
    assert_true(settings->quiet);
    assert_int_equal(settings->prefix.count, 2);
    assert_string_equal(settings->prefix.items[0], "春 天");
    assert_string_equal(settings->prefix.items[1], "a = b: c");
    assert_int_equal(settings->sampling, SAMPLING_RANDOM);
    assert_string_equal(settings->run_dir, "runs/a#b");
    assert_true(settings_given(settings, "batch-size"));
    assert_false(settings_given(settings, "num-steps"));
}

static void files_from_other_systems(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "\xEF\xBB\xBF"
                                        "batch-size = 8\r\n[train]\r\nrun-dir = here\r\n"),
                     STATUS_OK);
    assert_int_equal(fixture->settings.batch_size, 8);
    assert_string_equal(fixture->settings.run_dir, "here");
    assert_int_equal(read_text(fixture, "\xEF\xBB\xBF[train]\nbatch-size = 9"), STATUS_OK);
    assert_int_equal(fixture->settings.batch_size, 9);
    assert_int_equal(read_text(fixture, ""), STATUS_OK);
    assert_int_equal(read_text(fixture, "\n\n  \n"), STATUS_OK);
}

static void headings(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "seed = 3\n"
                                        "length = 7\n"
                                        "[generate]\n"
                                        "seed = 4\n"
                                        "[train]\n"
                                        "batch-size = 8\n"),
                     STATUS_OK);
    assert_int_equal(fixture->settings.seed, 3);
    assert_int_equal(fixture->settings.batch_size, 8);
    assert_int_equal(fixture->settings.length, 200);
    assert_fails_at(fixture, "[trian]\nseed = 1\n", "line 2", "[trian]");
    assert_fails_at(fixture, "[generate]\nbatch-size = 8\n", "line 2", "batch-size");
    assert_fails_at(fixture, "[generate]\nlength = much\n", "line 2, length", "much");
    assert_fails_at(fixture, "[train\nseed = 1\n", "line 1", "neither");
    assert_fails_at(fixture,
                    "[train_train_train_train_train_train_train_train_train_train_train]\nseed = 1\n",
                    "line 2", "not a command");
}

static void an_indented_line_is_a_line_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "prefix = a\n  batch-size = 8\n\t# b\n"), STATUS_OK);
    assert_int_equal(fixture->settings.prefix.count, 1);
    assert_int_equal(fixture->settings.batch_size, 8);
}

static void unknown_keys(void **state)
{
    struct fixture *fixture = *state;
    assert_fails_at(fixture, "seed = 1\nbatchsize = 8\n", "line 2", "'batchsize'");
    assert_non_null(strstr(fixture->error.remedy, "batch-size"));
    assert_fails_at(fixture, "batch_size = 8\n", "line 1", "'batch_size'");
    assert_fails_at(fixture, "--batch-size = 8\n", "line 1", "'--batch-size'");
    assert_fails_at(fixture, "files = a\n", "line 1", "'files'");
    assert_fails_at(fixture, "help = true\n", "line 1", "'help'");
    assert_fails_at(fixture, " = 8\n", "line 1", "''");
    assert_fails_at(fixture, "config = other.ini\n", "line 1", "another");
}

static void bad_lines(void **state)
{
    struct fixture *fixture = *state;
    assert_fails_at(fixture, "seed = 1\n\nbatch-size 8\n", "line 3", "neither");
    assert_fails_at(fixture, "quiet\n", "line 1", "neither");
    assert_fails_at(fixture, "nonsense\nbatch-size = abc\n", "line 1", "neither");
    assert_fails_at(fixture, "batch-size = abc\nnonsense\n", "line 1, batch-size", "abc");
    assert_fails_at(fixture, "batch-size =\n", "line 1, batch-size", "empty");
    assert_fails_at(fixture, "batch-size = 0\n", "line 1, batch-size", "out of range");
    assert_fails_at(fixture, "prefix = %s%n\nkeep = %n\n", "line 2, keep", "%n");
    assert_int_equal(read_bytes(fixture, "seed = 1\0\nkeep = 1\n", 19), STATUS_USAGE);
    assert_non_null(strstr(fixture->error.what, "line 1"));
}

/* The reader has lines of a fixed length: whatever is longer is refused, and never cut. */
static void long_lines(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    char many_x[400];
    size_t longest = 0;
    memset(many_x, 'x', sizeof many_x);
    for (size_t length = 1; length < 400; length++) {
        snprintf(text, sizeof text, "run-dir = %.*s\nkeep = 5\n", (int)length, many_x);
        if (read_text(fixture, text) == STATUS_OK) {
            assert_int_equal(strlen(fixture->settings.run_dir), length);
            assert_int_equal(longest, length - 1);
            longest = length;
        } else {
            assert_non_null(strstr(fixture->error.what, "line 1"));
            assert_non_null(strstr(fixture->error.why, "too long"));
        }
    }
    assert_true(longest >= 150);
    memset(text, '#', 3000);
    snprintf(text + 3000, sizeof text - 3000, "\nkeep = 5\n");
    assert_int_equal(read_text(fixture, text), STATUS_USAGE);
}

static void files_that_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(settings_file_read(&fixture->settings, "/no/such/file", SETTINGS_TRAIN, &fixture->error),
                     STATUS_USAGE);
    assert_non_null(strstr(fixture->error.what, "/no/such/file"));
    assert_int_equal(settings_file_read(&fixture->settings, "/tmp", SETTINGS_TRAIN, &fixture->error),
                     STATUS_USAGE);
    assert_non_null(strstr(fixture->error.why, "directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plain_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_from_other_systems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_indented_line_is_a_line_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
