#include "inspect_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is printed; free. */
static char *printed(const struct inspection *inspection, bool with_vocabulary)
{
    char *text = NULL;
    size_t bytes = 0;
    struct error error;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(inspect_text(out, inspection, with_vocabulary, &error), STATUS_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static size_t lines_with(const char *text, const char *part)
{
    size_t lines = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        lines++;
    return lines;
}

static void of_a_long_run_a_few_epochs_are_shown_the_first_and_the_last_among_them(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    struct inspection inspection = {.path = "a", .history = &history};
    for (int64_t epoch = 1; epoch <= 1234; epoch++) {
        struct epoch_record record = {epoch, epoch == 1 ? INFINITY : 1e7, NAN, 1234567.8, 4000, 0.25};
        struct rank_times times[] = {{0.5, 0.25}, {0.75, 0}};
        assert_int_equal(history_add(&history, &record, times, epoch < 1234 ? 2 : 1, &error), STATUS_OK);
    }
    char *text = printed(&inspection, false);
    assert_contains(text, "Metrics of 1,234 epochs, 12 of them shown\n");
    assert_int_equal(lines_with(text, "1,234,567       0.250    01:06:40\n"), 12);
    assert_contains(text, "\n        1      infinite");
    assert_contains(text, "\n     1234     1.000e+07");
    assert_contains(text, "on 1 rank: 0.500 s computing, 0.250 s waiting\n");
    assert_null(strstr(text, "validation"));
    free(text);
    history_free(&history);
}

static void a_validation_perplexity_gets_its_column(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    struct inspection inspection = {.path = "a", .history = &history};
    struct epoch_record records[] = {{1, 20, NAN, 1, 1, 1}, {2, 10, 15, 1, 2, 1}};
    struct rank_times times[] = {{0.5, 0.25}, {0.75, 0}};
    for (size_t e = 0; e < 2; e++)
        assert_int_equal(history_add(&history, &records[e], times, 2, &error), STATUS_OK);
    char *text = printed(&inspection, false);
    assert_contains(text, "Metrics of 2 epochs\n");
    assert_contains(text, "        1        20.000             -  ");
    assert_contains(text, "        2        10.000        15.000  ");
    assert_contains(text, "on 2 ranks: 0.500 to 0.750 s computing, 0.000 to 0.250 s waiting\n");
    free(text);
    history_free(&history);
}

static void tokens_neither_break_lines_nor_move_the_cursor(void **state)
{
    (void)state;
    static const char *const texts[] = {"<unk>", "\n", "\x1b", "\xc2\x9b", " ", "剑"};
    static const uint64_t counts[] = {0, 5, 2, 1, 1, 1};
    struct error error;
    struct history history = {0};
    struct checkpoint checkpoint = {0};
    struct inspection inspection = {.path = "a", .history = &history, .checkpoint = &checkpoint};
    assert_int_equal(vocabulary_restore(&inspection.vocabulary,
                                        &(const struct token_rules){.tokenizer = tokenizers[0]}, texts, NULL,
                                        counts, 6, &error),
                     STATUS_OK);
    char *text = printed(&inspection, true);
    assert_contains(text, "  size          6, <unk> included\n");
    assert_contains(text, "  commonest     \\n \\x1B \\x9B ' ' 剑\n");
    assert_contains(text, "         1      U+000A               5   50.00%  \\n\n");
    assert_contains(text, "         5      U+5251               1   10.00%  剑\n");
    assert_contains(text, "         0           -               0    0.00%  <unk>\n");
    free(text);
    vocabulary_destroy(inspection.vocabulary);
}

static void sizes_are_counted_and_the_settings_that_were_changed_are_marked(void **state)
{
    (void)state;
    static const char *const texts[] = {"<unk>", "剑"};
    struct error error;
    struct history history = {0};
    struct tensor tensors[] = {
        {.path = "/model/layer0/W_x", .dims = {1000, 1024}, .dim_count = 2, .split_dim = -1},
        {.path = "/model/layer0/b", .dims = {1024}, .dim_count = 1, .split_dim = -1},
        {.path = "/state/h", .dims = {1, 2, 3}, .dim_count = 3, .split_dim = -1},
    };
    struct checkpoint checkpoint = {.tensors = tensors, .tensor_count = 3};
    struct inspected_setting settings[] = {{settings_find("lr"), "lr", "0.5"},
                                           {settings_find("clip_norm"), "clip_norm", "1"},
                                           {NULL, "of_tomorrow", "12"}};
    struct inspection inspection = {.path = "a",
                                    .history = &history,
                                    .checkpoint = &checkpoint,
                                    .settings = settings,
                                    .setting_count = 3};
    assert_int_equal(settings_defaults(&inspection.values, SETTINGS_TRAIN, &error), STATUS_OK);
    inspection.values.lr = 0.5;
    assert_int_equal(vocabulary_restore(&inspection.vocabulary,
                                        &(const struct token_rules){.tokenizer = tokenizers[0]}, texts, NULL,
                                        NULL, 2, &error),
                     STATUS_OK);
    char *text = printed(&inspection, false);
    assert_contains(text, "         1000 x 1024       1,024,000     3.9 MiB\n");
    assert_contains(text, "  together                             1,025,024     3.9 MiB\n");
    assert_contains(text, "           1 x 2 x 3               6     0.0 KiB\n");
    assert_int_equal(lines_with(text, "together"), 1);
    assert_contains(text, "\n  * lr                        0.5\n");
    assert_contains(text, "\n    clip-norm                 1\n");
    assert_contains(text, "\n  Of another version of the program\n    of_tomorrow               12\n");
    assert_contains(text, "  first         剑\n");
    free(text);
    vocabulary_destroy(inspection.vocabulary);
    settings_free(&inspection.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_long_run_a_few_epochs_are_shown_the_first_and_the_last_among_them),
        cmocka_unit_test(a_validation_perplexity_gets_its_column),
        cmocka_unit_test(tokens_neither_break_lines_nor_move_the_cursor),
        cmocka_unit_test(sizes_are_counted_and_the_settings_that_were_changed_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
