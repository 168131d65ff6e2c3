#include "lstm_mpi/base/error.h"
#include "lstm_mpi/store/history.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct epoch_record record_of(int64_t epoch)
{
    return (struct epoch_record){.epoch = epoch, .perplexity = 1000.0 / (double)epoch};
}

static void add(struct history *history, int64_t epoch, size_t ranks)
{
    struct error error;
    struct rank_times times[8];
    struct epoch_record record = record_of(epoch);
    for (size_t r = 0; r < ranks; r++)
        times[r] = (struct rank_times){(double)epoch, (double)r};
    assert_int_equal(history_add(history, &record, times, ranks, &error), STATUS_OK);
}

/* The rank was there, or was not. */
static void check_times(const struct history *history, size_t e, size_t rank, size_t ranks_then)
{
    const struct rank_times *times = &history->times[e * history->ranks + rank];
    if (rank >= ranks_then) {
        assert_true(isnan(times->compute_seconds) && isnan(times->wait_seconds));
        return;
    }
    assert_true(times->compute_seconds == (double)(e + 1));
    assert_true(times->wait_seconds == (double)rank);
}

static void test_more_and_fewer_ranks(void **state)
{
    (void)state;
    static const size_t ranks[] = {2, 2, 5, 1, 8, 3};
    enum { EPOCHS = sizeof ranks / sizeof *ranks };
    struct history history = {0};
    for (size_t e = 0; e < EPOCHS; e++)
        add(&history, (int64_t)e + 1, ranks[e]);
    assert_int_equal(history.count, EPOCHS);
    assert_int_equal(history.ranks, 8);
    for (size_t e = 0; e < EPOCHS; e++) {
        assert_int_equal(history.records[e].epoch, e + 1);
        for (size_t rank = 0; rank < history.ranks; rank++)
            check_times(&history, e, rank, ranks[e]);
    }
    history_free(&history);
    assert_int_equal(history.count, 0);
}

/* A column's place in the record is that of the field with its name. */
static void test_columns(void **state)
{
    (void)state;
    struct epoch_record record = {1, 2, 3, 4, 5, 6};
    assert_int_equal(history_column_count, 6);
    for (size_t c = 0; c < history_column_count; c++) {
        const void *value = (const char *)&record + history_columns[c].offset;
        double number = history_columns[c].type == HISTORY_INT64 ? (double)*(const int64_t *)value
                                                                 : *(const double *)value;
        assert_true(number == (double)(c + 1));
    }
}

/* What was there stays as it was. */
static void test_no_memory(void **state)
{
    (void)state;
    struct error error;
    struct rank_times times[3] = {{1, 1}, {2, 2}, {3, 3}};
    struct epoch_record record = record_of(2);
    enum status status = STATUS_FAILED;
    for (long n = 0; status != STATUS_OK; n++) {
        struct history history = {0};
        add(&history, 1, 1);
        failing_allocator_after(n);
        status = history_add(&history, &record, times, 3, &error);
        failing_allocator_after(-1);
        assert_int_equal(history.count, status == STATUS_OK ? 2 : 1);
        assert_int_equal(history.ranks, status == STATUS_OK ? 3 : 1);
        check_times(&history, 0, 0, 1);
        history_free(&history);
        assert_in_range(n, 0, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_and_fewer_ranks),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
