#include "support/failing_allocator.h"
#include "support/failing_files.h"
#include "support/sample_snapshot.h"
#include "support/temporary_folder.h"

#include "lstm_mpi/store/durable_file.h"
#include "lstm_mpi/store/run_directory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static const struct sample_shape shape = {6, 2, 1, 3};

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static enum status write_update(struct run_directory *run, uint64_t update, struct error *error)
{
    struct sample sample;
    sample_make(&sample, &comm, shape, 1, update);
    enum status status = run_directory_write_checkpoint(run, &comm, &sample.snapshot, 2, error);
    sample_free(&sample);
    return status;
}

static uint64_t update_in(const char *path)
{
    struct error error;
    struct checkpoint *checkpoint;
    if (checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_RUN, &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
    uint64_t update = checkpoint->progress.update;
    assert_int_equal(sample_differences(checkpoint, &comm, shape, update), 0);
    checkpoint_close(checkpoint);
    return update;
}

static void begin_run(struct run_directory *run)
{
    struct error error;
    assert_int_equal(run_directory_claim(run, &comm, folder, RUN_CLAIM_OVERWRITE, &error), STATUS_OK);
    for (uint64_t update = 0; update <= 2; update++)
        assert_int_equal(write_update(run, update, &error), STATUS_OK);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-0.h5 checkpoint-1.h5 checkpoint.h5 ");
}

/* Whatever was there before is there still, unless the new checkpoint is in its place already. */
static void check_after_failure(const struct run_directory *run)
{
    const char *names = temporary_folder_list(folder);
    assert_null(strstr(names, ".part"));
    if (update_in(run->checkpoint) == 2)
        assert_string_equal(names, "checkpoint-0.h5 checkpoint-1.h5 checkpoint.h5 ");
    else
        assert_string_equal(names, "checkpoint-0.h5 checkpoint-1.h5 checkpoint-2.h5 checkpoint.h5 ");
}

static void test_every_call_fails_once(void **state)
{
    (void)state;
    bool more = true;
    bool hdf5_failed = false;
    long calls = 0;
    for (; more; calls++) {
        struct error error = {0};
        struct run_directory run;
        begin_run(&run);
        failing_files_after(calls, EIO);
        enum status status = write_update(&run, 3, &error);
        more = failing_files_failed()[0] != '\0';
        /* A file system without links is served by copying. */
        bool harmless = !more || strcmp(failing_files_failed(), "linkat") == 0;
        failing_files_after(-1, 0);
        if (harmless && status != STATUS_OK)
            fail_msg("%s: %s", error.what, error.why);
        if (!harmless && status != STATUS_FAILED)
            fail_msg("call %ld failed, and the checkpoint was written", calls);
        if (!harmless) {
            assert_true(error.what[0] != '\0' && error.why[0] != '\0');
            /* HDF5 names the file as it is now. Nothing but to end the process is safe once it has failed. */
            bool of_hdf5 = strstr(error.what, DURABLE_FILE_SUFFIX) != NULL;
            assert_int_equal(error.broke_communication, of_hdf5);
            hdf5_failed |= of_hdf5;
            check_after_failure(&run);
        }
        run_directory_free(&run);
    }
    assert_in_range(calls, 10, 10000);
    assert_true(hdf5_failed);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    enum status status = STATUS_FAILED;
    struct run_directory run;
    struct sample sample;
    begin_run(&run);
    sample_make(&sample, &comm, shape, 1, 3);
    for (long n = 0; status != STATUS_OK; n++) {
        struct error error = {0};
        failing_allocator_after(n);
        status = run_directory_write_checkpoint(&run, &comm, &sample.snapshot, 2, &error);
        failing_allocator_after(-1);
        if (status != STATUS_OK)
            assert_non_null(strstr(error.what, "memory"));
        assert_null(strstr(temporary_folder_list(folder), ".part"));
        update_in(run.checkpoint);
        assert_in_range(n, 0, 1000);
    }
    sample_free(&sample);
    run_directory_free(&run);
}

static void test_words_of_the_system(void **state)
{
    (void)state;
    struct error error;
    struct run_directory run;
    begin_run(&run);
    failing_files_after(2, ENOSPC); /* after the link and its rename */
    assert_int_equal(write_update(&run, 3, &error), STATUS_FAILED);
    failing_files_after(-1, 0);
    assert_non_null(strstr(error.what, "cannot write"));
    assert_non_null(strstr(error.what, "/checkpoint.h5"));
    assert_string_equal(error.why, "No space left on device");
    assert_non_null(strstr(error.remedy, "make room"));
    run_directory_free(&run);
}

/* A write of each tensor is lost, in turn. The first writes, of what rank 0 laid out, HDF5 misses when it
 * opens. */
static void test_lost_write(void **state)
{
    (void)state;
    struct run_directory run;
    int noticed = 0;
    begin_run(&run);
    for (long n = 0; n < 2 * SAMPLE_TENSORS; n++) {
        struct error error = {0};
        failing_files_lose_after(n);
        enum status status = write_update(&run, 3, &error);
        failing_files_lose_after(-1);
        if (status != STATUS_OK && strcmp(error.why, "it does not read back as it was written") == 0)
            noticed++;
        assert_null(strstr(temporary_folder_list(folder), ".part"));
        update_in(run.checkpoint);
    }
    assert_int_equal(noticed, SAMPLE_TENSORS);
    run_directory_free(&run);
}

/* The names of new folders are brought to the disk. */
static void test_new_folders(void **state)
{
    (void)state;
    enum { FOLDERS = 2 };
    for (int n = 0; n <= FOLDERS; n++) {
        struct error error;
        struct run_directory run;
        char path[TEMPORARY_PATH_BYTES];
        snprintf(path, sizeof path, "%.300s/%d/run", folder, n);
        assert_int_equal(run_directory_claim(&run, &comm, path, RUN_CLAIM_NEW, &error), STATUS_OK);
        failing_files_after(n, EIO);
        enum status status = run_directory_make(&run, &comm, &error);
        bool failed = failing_files_failed()[0] != '\0';
        failing_files_after(-1, 0);
        assert_int_equal(failed, n < FOLDERS);
        assert_int_equal(status, n < FOLDERS ? STATUS_FAILED : STATUS_OK);
        run_directory_free(&run);
    }
}

int main(void)
{
    struct error error;
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_call_fails_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_words_of_the_system, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_new_folders, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_lost_write, make_folder, remove_folder),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
