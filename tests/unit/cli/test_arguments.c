#include "arguments.h"

#include "lstm_mpi/text/batches.h"
#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct command table[] = {
    {.settings = SETTINGS_TRAIN}, {.settings = SETTINGS_GENERATE}, {.settings = SETTINGS_INSPECT}, {0}};

enum { MOST_WORDS = 32 };

struct fixture {
    struct arguments arguments;
    struct error error;
    char path[64];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    strcpy(fixture.path, "/tmp/test_arguments.XXXXXX");
    int descriptor = mkstemp(fixture.path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arguments_free(&fixture->arguments);
    return unlink(fixture->path);
}

/* The words after the program's name; NULL ends them. */
static enum status parse_words(struct fixture *fixture, const char **words)
{
    const char *argv[MOST_WORDS + 2] = {"lstm_mpi"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    arguments_free(&fixture->arguments);
    return arguments_parse(&fixture->arguments, table, argc, argv, &fixture->error);
}
#define parse(fixture, ...) parse_words((fixture), (const char *[MOST_WORDS]){__VA_ARGS__})

static void assert_refused(struct fixture *fixture, enum status status, const char *what)
{
    assert_int_equal(status, STATUS_USAGE);
    assert_int_equal(fixture->error.status, STATUS_USAGE);
    if (!strstr(fixture->error.what, what))
        fail_msg("'%s' is not in '%s'", what, fixture->error.what);
    assert_true(fixture->error.why[0] != '\0');
}

static void write_config(struct fixture *fixture, const char *text)
{
    FILE *stream = fopen(fixture->path, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static void no_command_trains(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, NULL), STATUS_OK);
    assert_int_equal(fixture->arguments.request, ARGUMENTS_RUN);
    assert_ptr_equal(fixture->arguments.command, &table[0]);
    assert_int_equal(fixture->arguments.settings.batch_size, 32);
    assert_int_equal(parse(fixture, "--batch-size", "8"), STATUS_OK);
    assert_ptr_equal(fixture->arguments.command, &table[0]);
    assert_int_equal(fixture->arguments.settings.batch_size, 8);
    assert_int_equal(parse(fixture, "train", "--batch-size=9"), STATUS_OK);
    assert_ptr_equal(fixture->arguments.command, &table[0]);
    assert_int_equal(fixture->arguments.settings.batch_size, 9);
}

static void every_way_to_write_a_value(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, "--lr", "1e-30", "--clip-norm=.5", "--corpus", "a b%s.txt",
                           "--corpus=小说", "--prefix", "--lr", "--run-dir=a=b", "--quiet", "--sampling",
                           "random", "--seed", "18446744073709551615"),
                     STATUS_OK);
    const struct settings *settings = &fixture->arguments.settings;
    assert_true(settings->lr == 1e-30);
    assert_true(settings->clip_norm == 0.5);
    assert_int_equal(settings->corpus.count, 2);
    assert_string_equal(settings->corpus.items[0], "a b%s.txt");
    assert_string_equal(settings->corpus.items[1], "小说");
    assert_int_equal(settings->prefix.count, 1);
    assert_string_equal(settings->prefix.items[0], "--lr");
    assert_string_equal(settings->run_dir, "a=b");
    assert_true(settings->quiet);
    assert_int_equal(settings->sampling, SAMPLING_RANDOM);
    assert_true(settings->seed == UINT64_MAX);
    assert_true(settings_given(settings, "lr"));
    assert_false(settings_given(settings, "epochs"));
}

static void the_last_one_counts(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, "--seed", "1", "--quiet", "--seed", "2", "--no-quiet", "--no-resume"),
                     STATUS_OK);
    assert_int_equal(fixture->arguments.settings.seed, 2);
    assert_false(fixture->arguments.settings.quiet);
    assert_false(fixture->arguments.settings.resume);
    assert_true(settings_given(&fixture->arguments.settings, "quiet"));
}

static void help_and_version(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *words[4];
        enum arguments_request request;
        size_t command;
    } cases[] = {
        {{"--help"}, ARGUMENTS_HELP, 0},
        {{"-h"}, ARGUMENTS_HELP, 0},
        {{"train", "--help"}, ARGUMENTS_COMMAND_HELP, 0},
        {{"generate", "--help"}, ARGUMENTS_COMMAND_HELP, 1},
        {{"inspect", "file.h5", "-h"}, ARGUMENTS_COMMAND_HELP, 2},
        {{"--version"}, ARGUMENTS_VERSION, 0},
        {{"-V"}, ARGUMENTS_VERSION, 0},
        {{"generate", "--version"}, ARGUMENTS_VERSION, 1},
        {{"--batch-size", "0", "--help"}, ARGUMENTS_HELP, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[5] = {cases[i].words[0], cases[i].words[1], cases[i].words[2], cases[i].words[3]};
        assert_int_equal(parse_words(fixture, words), STATUS_OK);
        assert_int_equal(fixture->arguments.request, cases[i].request);
        assert_ptr_equal(fixture->arguments.command, &table[cases[i].command]);
    }
}

static void unknown_words(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, parse(fixture, "tarin"), "'tarin'");
    assert_non_null(strstr(fixture->error.remedy, "did you mean train?"));
    assert_refused(fixture, parse(fixture, "frobnicate"), "'frobnicate'");
    assert_non_null(strstr(fixture->error.remedy, "--help"));
    assert_refused(fixture, parse(fixture, ""), "''");
    assert_refused(fixture, parse(fixture, "--batchsize=8"), "--batchsize");
    assert_null(strchr(fixture->error.what, '='));
    assert_non_null(strstr(fixture->error.remedy, "did you mean --batch-size?"));
    assert_refused(fixture, parse(fixture, "--hlep"), "--hlep");
    assert_non_null(strstr(fixture->error.remedy, "--help"));
    assert_refused(fixture, parse(fixture, "--learning-rate", "8"), "--learning-rate");
    assert_refused(fixture, parse(fixture, "--temperature", "1"), "--temperature");
    assert_non_null(strstr(fixture->error.remedy, "generate"));
    assert_refused(fixture, parse(fixture, "generate", "--hidden-size", "1"), "--hidden-size");
    assert_non_null(strstr(fixture->error.remedy, "train"));
    assert_refused(fixture, parse(fixture, "--files", "x"), "--files");
    assert_refused(fixture, parse(fixture, "-b", "8"), "-b");
    assert_refused(fixture, parse(fixture, "--batch_size", "8"), "--batch_size");
    assert_refused(fixture, parse(fixture, "--%s%n"), "--%s%n");
}

static void values_that_do_not_fit(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, parse(fixture, "--batch-size"), "--batch-size");
    assert_non_null(strstr(fixture->error.why, "missing"));
    assert_refused(fixture, parse(fixture, "--batch-size="), "--batch-size");
    assert_refused(fixture, parse(fixture, "--batch-size", "abc"), "option --batch-size");
    assert_non_null(strstr(fixture->error.why, "'abc' is not a whole number"));
    assert_refused(fixture, parse(fixture, "--lr", "-1"), "option --lr");
    assert_non_null(strstr(fixture->error.why, "-1"));
    assert_refused(fixture, parse(fixture, "--start-offset", "-1"), "--start-offset");
    assert_refused(fixture, parse(fixture, "--quiet=yes"), "--quiet");
    assert_refused(fixture, parse(fixture, "--sampling", "some"), "--sampling");
    assert_refused(fixture, parse(fixture, "--run-dir", ""), "--run-dir");
    assert_refused(fixture, parse(fixture, "--resume", "--overwrite"), "--resume");
    assert_refused(fixture, parse(fixture, "generate"), "--checkpoint");
    assert_refused(fixture, parse(fixture, "--seed", "x", "--seed", "1"), "--seed");
}

static void arguments_without_a_name(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, "inspect", "a.h5", "--format", "json", "--vocabulary"), STATUS_OK);
    assert_int_equal(fixture->arguments.settings.files.count, 1);
    assert_string_equal(fixture->arguments.settings.files.items[0], "a.h5");
    assert_int_equal(fixture->arguments.settings.format, SETTINGS_FORMAT_JSON);
    assert_true(fixture->arguments.settings.vocabulary);
    assert_int_equal(parse(fixture, "inspect", "--vocabulary", "a.h5"), STATUS_OK);
    assert_string_equal(fixture->arguments.settings.files.items[0], "a.h5");
    assert_int_equal(parse(fixture, "inspect", "--", "--odd"), STATUS_OK);
    assert_string_equal(fixture->arguments.settings.files.items[0], "--odd");
    assert_int_equal(parse(fixture, "--quiet", "--"), STATUS_OK);
    assert_refused(fixture, parse(fixture, "inspect"), "inspect");
    assert_refused(fixture, parse(fixture, "inspect", "a", "b", "c"), "inspect");
    assert_refused(fixture, parse(fixture, "--batch-size", "8", "train"), "'train'");
    assert_refused(fixture, parse(fixture, "train", "corpus.txt"), "'corpus.txt'");
    assert_refused(fixture, parse(fixture, "--", "--quiet"), "'--quiet'");
}

static void the_command_line_wins_over_the_file(void **state)
{
    struct fixture *fixture = *state;
    write_config(fixture, "batch-size = 8\nnum-steps = 4\nprefix = 春\nprefix = 秋\nquiet = true\n"
                          "corpus = a\noverwrite = yes\n");
    assert_int_equal(parse(fixture, "--num-steps", "5", "--config", fixture->path, "--prefix", "夏",
                           "--no-quiet", "--no-overwrite", "--resume"),
                     STATUS_OK);
    const struct settings *settings = &fixture->arguments.settings;
    assert_int_equal(settings->batch_size, 8);
    assert_int_equal(settings->num_steps, 5);
    assert_int_equal(settings->prefix.count, 1);
    assert_string_equal(settings->prefix.items[0], "夏");
    assert_int_equal(settings->corpus.count, 1);
    assert_false(settings->quiet);
    assert_string_equal(settings->config, fixture->path);
    assert_true(settings_given(settings, "batch-size"));
    assert_true(settings_given(settings, "num-steps"));
    assert_false(settings_given(settings, "seed"));
    assert_refused(fixture, parse(fixture, "--config", fixture->path, "--resume"), "--overwrite");
}

static void files_are_for_every_command(void **state)
{
    struct fixture *fixture = *state;
    write_config(fixture, "batch-size = 8\n[generate]\nlength = 3\ncheckpoint = a.h5\n");
    assert_int_equal(parse(fixture, "generate", "--config", fixture->path), STATUS_OK);
    assert_int_equal(fixture->arguments.settings.length, 3);
    assert_int_equal(parse(fixture, "--config", fixture->path), STATUS_OK);
    assert_int_equal(fixture->arguments.settings.batch_size, 8);
    assert_int_equal(fixture->arguments.settings.length, 200);
    write_config(fixture, "batchsize = 8\n");
    assert_refused(fixture, parse(fixture, "inspect", "a", "--config", fixture->path), fixture->path);
    assert_refused(fixture, parse(fixture, "--config", "/no/such/file"), "/no/such/file");
    assert_refused(fixture, parse(fixture, "--config="), "--config");
    write_config(fixture, "keep = 7\n");
    assert_int_equal(parse(fixture, "--config", "/no/such/file", "--config", fixture->path), STATUS_OK);
    assert_int_equal(fixture->arguments.settings.keep, 7);
}

/* Each allocation fails once: one error, and nothing is left behind. */
static void memory_runs_out_anywhere(void **state)
{
    struct fixture *fixture = *state;
    write_config(fixture, "prefix = 春\nrun-dir = there\n");
    for (long n = 0;; n++) {
        failing_allocator_after(n);
        enum status status =
            parse(fixture, "--corpus", "a", "--corpus", "b", "--config", fixture->path, "--quiet");
        bool failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            assert_true(n > 10);
            return;
        }
        assert_int_equal(status, STATUS_FAILED);
        assert_string_equal(fixture->error.what, "out of memory");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_command_trains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_way_to_write_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_one_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_and_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arguments_without_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_command_line_wins_over_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_for_every_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_runs_out_anywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
