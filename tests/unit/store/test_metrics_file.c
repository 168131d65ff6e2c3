#include "lstm_mpi/store/metrics_file.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[TEMPORARY_PATH_BYTES];
static char path[TEMPORARY_PATH_BYTES];

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    snprintf(path, sizeof path, "%.400s/metrics.h5", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static void fill(struct history *history, size_t epochs, size_t ranks)
{
    struct error error;
    struct rank_times times[16];
    for (size_t r = 0; r < ranks; r++)
        times[r] = (struct rank_times){0.5 * (double)r, 1e-3};
    for (size_t e = 0; e < epochs; e++) {
        struct epoch_record record = {(int64_t)e + 1, 3.25, e % 2 ? NAN : 2.5, 1e6, 0.1 * (double)e, 0.01};
        size_t then = e == 0 ? 1 : ranks;
        assert_int_equal(history_add(history, &record, times, then, &error), STATUS_OK);
    }
}

static void check_round_trip(size_t epochs, size_t ranks)
{
    struct error error;
    struct history history = {0}, read = {0};
    fill(&history, epochs, ranks);
    assert_int_equal(metrics_file_write(path, &history, &error), STATUS_OK);
    assert_string_equal(temporary_folder_list(folder), "metrics.h5 ");
    assert_int_equal(metrics_file_read(&read, path, &error), STATUS_OK);
    assert_int_equal(read.count, history.count);
    assert_int_equal(read.ranks, history.ranks);
    if (epochs > 0) {
        assert_memory_equal(read.records, history.records, epochs * sizeof *read.records);
        assert_memory_equal(read.times, history.times, epochs * history.ranks * sizeof *read.times);
    }
    history_free(&history);
    history_free(&read);
}

/* Each file replaces the one before. */
static void test_round_trip(void **state)
{
    (void)state;
    check_round_trip(0, 0);
    check_round_trip(1, 1);
    check_round_trip(1000, 16);
    check_round_trip(3, 2);
    check_round_trip(0, 0);
}

static void test_bad_file(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    temporary_file_write(path, "no HDF5 at all", 14);
    assert_int_equal(metrics_file_read(&history, path, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, "metrics.h5"));
    assert_string_equal(error.why, "it is not an HDF5 file");
    unlink(path);
    assert_int_equal(metrics_file_read(&history, path, &error), STATUS_FAILED);
    assert_string_equal(error.why, "No such file or directory");
    history_free(&history);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    assert_int_equal(metrics_file_write("/nowhere/metrics.h5", &history, &error), STATUS_FAILED);
    assert_string_equal(error.what, "cannot write /nowhere/metrics.h5");
    assert_string_equal(error.why, "No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_bad_file, make_folder, remove_folder),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
