#include "help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct command table[] = {
    {.settings = SETTINGS_TRAIN,
     .synopsis = "[OPTIONS]",
     .summary = "train a model",
     .description = ".Trains a model, \\ and so on.",
     .example = "lstm_mpi train"},
    {.settings = SETTINGS_GENERATE,
     .synopsis = "--checkpoint FILE",
     .summary = "let a model write",
     .description = "Writes.",
     .example = "lstm_mpi generate"},
    {.settings = SETTINGS_INSPECT,
     .synopsis = "FILE",
     .summary = "look into a file",
     .description = "Looks.",
     .example = "lstm_mpi inspect a.h5"},
    {0},
};

/* What is printed into it, read with `text` after `close`. */
struct capture {
    FILE *stream;
    char *text;
    size_t bytes;
};

static void capture_open(struct capture *capture)
{
    capture->stream = open_memstream(&capture->text, &capture->bytes);
    assert_non_null(capture->stream);
}

static void capture_close(struct capture *capture)
{
    assert_int_equal(fclose(capture->stream), 0);
}

static void assert_contains(const struct capture *capture, const char *text)
{
    if (!strstr(capture->text, text))
        fail_msg("'%s' is not in:\n%s", text, capture->text);
}

/* A character of three bytes is a Chinese one here, two columns wide. */
static void assert_fits(const char *text, size_t width)
{
    size_t columns = 0;
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        assert_true(byte == '\n' || byte >= ' ');
        columns = byte == '\n' ? 0 : columns + (byte >= 0xE0 ? 2 : (byte & 0xC0U) != 0x80U ? 1 : 0);
        assert_true(columns <= width);
        if (byte == '\n')
            assert_int_not_equal(text[-1], ' ');
    }
}

static void every_option_stands_in_its_command(void **state)
{
    (void)state;
    for (const struct command *command = table; command->settings; command++) {
        struct capture capture;
        capture_open(&capture);
        help_print_command(capture.stream, command, 80);
        capture_close(&capture);
        for (size_t i = 0; i < settings_count; i++) {
            char usage[HELP_TEXT_BYTES];
            char line[HELP_TEXT_BYTES + 4];
            help_option_usage(usage, &settings_table[i]);
            snprintf(line, sizeof line, "\n  %s", usage);
            bool expected = settings_table[i].commands & command->settings;
            if (expected)
                assert_contains(&capture, line);
            else
                assert_null(strstr(capture.text, line));
        }
        assert_contains(&capture, command->example);
        assert_contains(&capture, "\n  -h, --help ");
        free(capture.text);
    }
}

static void lines_fit_the_width(void **state)
{
    (void)state;
    static const int widths[] = {50, 63, 80, 100};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct capture capture;
        capture_open(&capture);
        for (const struct command *command = table; command->settings; command++)
            help_print_command(capture.stream, command, widths[i]);
        help_print(capture.stream, table, widths[i] < 80 ? 80 : widths[i]);
        capture_close(&capture);
        assert_fits(capture.text, widths[i] < 80 ? 80 : (size_t)widths[i]);
        free(capture.text);
    }
}

static void options_as_they_are_typed(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"epochs", "--epochs N", "1000"},
        {"progress", "--progress auto|bar|plain", "auto"},
        {"start-offset", "--start-offset N|random", "random"},
        {"quiet", "--quiet", ""},
        {"corpus", "--corpus FILE", "the built-in corpus"},
        {"init-from", "--init-from FILE", ""},
        {"max-updates", "--max-updates N", "off"},
        {"files", "FILE", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[HELP_TEXT_BYTES];
        help_option_usage(text, settings_find(cases[i][0]));
        assert_string_equal(text, cases[i][1]);
        assert_string_equal(settings_default_shown(settings_find(cases[i][0]), SETTINGS_TRAIN), cases[i][2]);
    }
}

static void few_options_have_one_heading_and_many_have_groups(void **state)
{
    (void)state;
    struct capture capture;
    capture_open(&capture);
    help_print_command(capture.stream, &table[0], 80);
    capture_close(&capture);
    assert_contains(&capture, "\nData and batches:\n  --corpus FILE");
    assert_contains(&capture, "(default: 1000)");
    assert_contains(&capture, "--no-lowercase");
    free(capture.text);
    capture_open(&capture);
    help_print_command(capture.stream, &table[1], 80);
    capture_close(&capture);
    assert_contains(&capture, "\nOptions:\n  --checkpoint FILE");
    assert_null(strstr(capture.text, "Data and batches"));
    assert_null(strstr(capture.text, "--no-"));
    free(capture.text);
}

static void the_overview(void **state)
{
    (void)state;
    struct capture capture;
    capture_open(&capture);
    help_print(capture.stream, table, 80);
    capture_close(&capture);
    assert_contains(&capture, "Usage: lstm_mpi [COMMAND] [OPTIONS]\n");
    assert_contains(&capture, "\n  train                     train a model\n");
    assert_contains(&capture, "\n  inspect ");
    assert_contains(&capture, "lstm_mpi COMMAND --help");
    free(capture.text);
}

static void the_version(void **state)
{
    (void)state;
    static const char *const libraries[] = {"BLIS 0.9.0", "HDF5 1.10.8", NULL};
    struct capture capture;
    capture_open(&capture);
    help_print_version(capture.stream, libraries);
    capture_close(&capture);
    assert_int_equal(strncmp(capture.text, "lstm_mpi ", 9), 0);
    assert_contains(&capture, "\nBLIS 0.9.0\nHDF5 1.10.8\n");
    free(capture.text);
}

static void the_manual_page(void **state)
{
    (void)state;
    struct capture capture;
    capture_open(&capture);
    help_print_manual(capture.stream, table);
    capture_close(&capture);
    assert_int_equal(strncmp(capture.text, ".TH LSTM_MPI 1 ", 15), 0);
    assert_contains(&capture, "\n.SH NAME\nlstm_mpi \\- ");
    assert_contains(&capture, "\n.TP\n\\fB\\-\\-batch\\-size N\\fR\n");
    assert_contains(&capture, "\n\\&.Trains a model, \\e and so on.\n");
    assert_contains(&capture, "(default:\\ 1000)");
    assert_null(strstr(capture.text, "--"));
    assert_null(strchr(capture.text, '\x1f'));
    free(capture.text);
}

static void a_file_is_eighty_columns_wide(void **state)
{
    (void)state;
    FILE *stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(help_width(stream), 80);
    assert_int_equal(fclose(stream), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_stands_in_its_command),
        cmocka_unit_test(lines_fit_the_width),
        cmocka_unit_test(options_as_they_are_typed),
        cmocka_unit_test(few_options_have_one_heading_and_many_have_groups),
        cmocka_unit_test(the_overview),
        cmocka_unit_test(the_version),
        cmocka_unit_test(the_manual_page),
        cmocka_unit_test(a_file_is_eighty_columns_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
