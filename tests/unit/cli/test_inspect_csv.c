#include "inspect_csv.h"

#include "lstm_mpi/base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_prints(const struct inspection *inspection, bool with_vocabulary, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    struct error error;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(inspect_csv(out, inspection, with_vocabulary, &error), STATUS_OK);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void metrics_have_a_line_for_each_epoch_and_gaps_where_nothing_was_measured(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    struct inspection inspection = {.history = &history};
    struct epoch_record first = {1, 312.5, NAN, 1000, 0.1, INFINITY};
    struct epoch_record second = {2, 1.0 / 3.0, 4, 2e9, 10, 0};
    struct rank_times alone = {0.25, 0};
    struct rank_times both[] = {{0.5, 0.125}, {0.75, 1e-7}};
    assert_int_equal(history_add(&history, &first, &alone, 1, &error), STATUS_OK);
    assert_int_equal(history_add(&history, &second, both, 2, &error), STATUS_OK);
    assert_prints(&inspection, false,
                  "epoch,perplexity,valid_perplexity,tokens_per_second,seconds,grad_norm,"
                  "rank_compute_seconds_0,rank_compute_seconds_1,rank_wait_seconds_0,rank_wait_seconds_1\n"
                  "1,312.5,,1000,0.1,,0.25,,0,\n"
                  "2,0.3333333333333333,4,2000000000,10,0,0.5,0.75,0.125,1e-07\n");
    history_free(&history);
}

static void a_run_without_epochs_has_the_names_alone(void **state)
{
    (void)state;
    struct history history = {0};
    struct inspection inspection = {.history = &history};
    assert_prints(&inspection, false,
                  "epoch,perplexity,valid_perplexity,tokens_per_second,seconds,grad_norm\n");
}

static void tokens_are_quoted_where_a_reader_would_stumble(void **state)
{
    (void)state;
    static const char *const texts[] = {"<unk>", "\"", ",", "\n", "\r", " ", "<0x00>", "剑"};
    static const uint64_t counts[] = {0, 9, 8, 7, 6, 5, 4, 3};
    struct error error;
    struct inspection inspection = {0};
    assert_int_equal(vocabulary_restore(&inspection.vocabulary,
                                        &(const struct token_rules){.tokenizer = tokenizers[0]}, texts, NULL,
                                        counts, sizeof texts / sizeof *texts, &error),
                     STATUS_OK);
    assert_prints(&inspection, true,
                  "id,token,code_point,count\n"
                  "0,<unk>,0,0\n1,\"\"\"\",34,9\n2,\",\",44,8\n3,\"\n\",10,7\n4,\"\r\",13,6\n5,\" \",32,5\n"
                  "6,<0x00>,0,4\n7,剑,21073,3\n");
    vocabulary_destroy(inspection.vocabulary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_have_a_line_for_each_epoch_and_gaps_where_nothing_was_measured),
        cmocka_unit_test(a_run_without_epochs_has_the_names_alone),
        cmocka_unit_test(tokens_are_quoted_where_a_reader_would_stumble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
