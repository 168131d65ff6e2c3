#include "lstm_mpi/report/report.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct report_setting settings[] = {
    {"hidden-size", "64", false}, {"prefix", "<b>&\"'", false}, {"seed", "1", true}};
static const struct report_sample samples[] = {{"<i>", "</i>\n<unk>"}};

static struct report_run run_of(const struct history *history)
{
    return (struct report_run){
        .name = "runs/<script>",
        .history = history,
        .has_checkpoint = true,
        .epochs = 1000,
        .parameters = 2462645,
        .vocabulary_size = 1717,
        .settings = settings,
        .setting_count = 3,
        .samples = samples,
        .sample_count = 1,
    };
}

static void fill(struct history *history, size_t epochs, size_t ranks)
{
    struct error error;
    struct rank_times times[600];
    for (size_t e = 0; e < epochs; e++) {
        struct epoch_record record = {
            (int64_t)e + 1, 1000.0 / (double)(e + 1), e % 10 == 9 ? 50 : NAN, 1e5, (double)e, 0.5};
        for (size_t r = 0; r < ranks; r++)
            times[r] = (struct rank_times){0.5 + 0.01 * (double)r, 0.25};
        assert_int_equal(history_add(history, &record, times, e == 0 ? 1 : ranks, &error), STATUS_OK);
    }
}

static char *page_of(const struct report_run *runs, size_t count, size_t *bytes)
{
    struct error error;
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    assert_int_equal(report_page(out, runs, count, &error), STATUS_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

/* Numbers that are none must not come into coordinates, nor marks of files among those of the page. */
static void check_page(const char *text)
{
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<i>"));
    assert_null(strstr(text, "<unk>"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf,"));
    assert_null(strstr(text, "\"inf"));
    assert_null(strstr(text, "http"));
    const char *const elements[] = {"svg", "figure", "table", "g", "div", "ul", "h2", "h3", "title", "td"};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        char open[16], open_with[16], close[16];
        snprintf(open, sizeof open, "<%s>", elements[i]);
        snprintf(open_with, sizeof open_with, "<%s ", elements[i]);
        snprintf(close, sizeof close, "</%s>", elements[i]);
        assert_int_equal(count_of(text, open) + count_of(text, open_with), count_of(text, close));
    }
    assert_non_null(strstr(text, "</html>"));
}

static void test_a_run(void **state)
{
    (void)state;
    struct history history = {0};
    size_t bytes;
    fill(&history, 30, 3);
    const struct report_run run = run_of(&history);
    char *text = page_of(&run, 1, &bytes);
    check_page(text);
    assert_non_null(strstr(text, "runs/&lt;script&gt;"));
    assert_non_null(strstr(text, "&lt;i&gt;</b>&lt;/i&gt;\n&lt;unk&gt;"));
    assert_non_null(strstr(text, "30 of 1,000"));
    assert_non_null(strstr(text, "2,462,645"));
    assert_non_null(strstr(text, "perplexity, logarithmic"));
    assert_non_null(strstr(text, "runs/&lt;script&gt;, validation"));
    assert_non_null(strstr(text, "rank 2, mean of 29 epochs\ncomputing: 0.52 s\nwaiting: 0.25 s"));
    assert_int_equal(count_of(text, "<figure>"), 7);
    free(text);
    history_free(&history);
}

static void test_strange_histories(void **state)
{
    (void)state;
    static const double values[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e308, -1e308, 1e-320};
    static const struct history none = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t epochs = 1; epochs < 3; epochs++) {
            struct error error;
            struct history history = {0};
            struct rank_times times[2] = {{values[i], values[i]}, {NAN, NAN}};
            size_t bytes;
            for (size_t e = 0; e < epochs; e++) {
                struct epoch_record record = {
                    e == 0 ? 1 : INT64_MAX, values[i], values[i], values[i], values[i], values[i]};
                assert_int_equal(history_add(&history, &record, times, 2, &error), STATUS_OK);
            }
            const struct report_run runs[] = {run_of(&history), {.name = "", .history = &none}};
            char *text = page_of(runs, 2, &bytes);
            check_page(text);
            free(text);
            history_free(&history);
        }
    }
}

static void test_no_epoch(void **state)
{
    (void)state;
    static const struct history none = {0};
    size_t bytes;
    const struct report_run run = run_of(&none);
    char *text = page_of(&run, 1, &bytes);
    check_page(text);
    assert_non_null(strstr(text, "No epoch is complete yet."));
    assert_non_null(strstr(text, "0 of 1,000"));
    free(text);
}

static void test_long_runs_make_small_pages(void **state)
{
    (void)state;
    struct history history = {0};
    size_t bytes;
    fill(&history, 20000, 40);
    const struct report_run run = run_of(&history);
    char *text = page_of(&run, 1, &bytes);
    check_page(text);
    assert_in_range(bytes, 10000, 300000);
    free(text);
    history_free(&history);
}

static void test_runs_that_differ(void **state)
{
    (void)state;
    struct history history = {0};
    struct report_setting others[3];
    size_t bytes;
    fill(&history, 3, 600);
    memcpy(others, settings, sizeof others);
    others[0].value = "128";
    struct report_run runs[10];
    for (size_t r = 0; r < 10; r++)
        runs[r] = run_of(&history);
    runs[1].settings = others;
    char *text = page_of(runs, 10, &bytes);
    check_page(text);
    assert_non_null(strstr(text, "<tr class=\"differs\"><td>hidden-size</td>"));
    assert_int_equal(count_of(text, "class=\"differs\""), 1);
    assert_non_null(strstr(text, "c1 dotted"));
    free(text);
    history_free(&history);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct history history = {0};
    enum status status = STATUS_FAILED;
    fill(&history, 4, 12);
    const struct report_run run = run_of(&history);
    for (long n = 0; status != STATUS_OK; n++) {
        struct error error;
        FILE *out = tmpfile();
        failing_allocator_after(n);
        status = report_page(out, &run, 1, &error);
        failing_allocator_after(-1);
        fclose(out);
        assert_in_range(n, 0, 100);
    }
    history_free(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run),
        cmocka_unit_test(test_strange_histories),
        cmocka_unit_test(test_no_epoch),
        cmocka_unit_test(test_long_runs_make_small_pages),
        cmocka_unit_test(test_runs_that_differ),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
