#include "lstm_mpi/store/durable_file.h"
#include "support/failing_files.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cmocka.h>

static char folder[TEMPORARY_PATH_BYTES];
static char path[TEMPORARY_PATH_BYTES];

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    snprintf(path, sizeof path, "%.300s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

/* 3 MiB with a hole in the middle and one at the end. */
static int source_with_holes(void)
{
    int source = memfd_create("source", 0);
    static char block[70000];
    memset(block, 'a', sizeof block);
    assert_true(source >= 0);
    assert_int_equal(pwrite(source, block, sizeof block, 5), sizeof block);
    assert_int_equal(pwrite(source, "end", 3, 2000000), 3);
    assert_int_equal(ftruncate(source, 3 << 20), 0);
    return source;
}

static enum status make(int source, struct error *error)
{
    struct durable_file file;
    enum status status = STATUS_OK;
    TRY(durable_file_begin(&file, path, error));
    TRY(durable_file_fill(&file, source, error));
    TRY(durable_file_commit(&file, error));
done:
    durable_file_remove(&file);
    durable_file_free(&file);
    return status;
}

static void check_copy(void)
{
    size_t bytes;
    char *data = temporary_file_read(path, &bytes);
    assert_non_null(data);
    assert_int_equal(bytes, 3 << 20);
    for (size_t i = 0; i < bytes; i++) {
        char expected = i >= 5 && i < 70005 ? 'a' : '\0';
        if (i >= 2000000 && i < 2000003)
            expected = "end"[i - 2000000];
        if (data[i] != expected)
            fail_msg("byte %zu is %d", i, data[i]);
    }
    free(data);
}

static void test_copy(void **state)
{
    (void)state;
    struct error error;
    int source = source_with_holes();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(make(source, &error), STATUS_OK);
        assert_string_equal(temporary_folder_list(folder), "file ");
        check_copy();
    }
    close(source);
}

static void test_empty(void **state)
{
    (void)state;
    struct error error;
    size_t bytes = 1;
    int source = memfd_create("source", 0);
    assert_int_equal(make(source, &error), STATUS_OK);
    free(temporary_file_read(path, &bytes));
    assert_int_equal(bytes, 0);
    close(source);
}

/* A part that a killed run left, longer than the new one. */
static void test_leftover(void **state)
{
    (void)state;
    struct error error;
    char part[TEMPORARY_PATH_BYTES];
    snprintf(part, sizeof part, "%.300s/file.part", folder);
    char *junk = calloc(1, 4 << 20);
    memset(junk, 'x', 4 << 20);
    temporary_file_write(part, junk, 4 << 20);
    free(junk);
    int source = source_with_holes();
    assert_int_equal(make(source, &error), STATUS_OK);
    check_copy();
    close(source);
}

/* The old file stays, unless the new one has its name already and only the folder could not be synced. */
static void test_every_call_fails_once(void **state)
{
    (void)state;
    struct error error;
    int source = source_with_holes();
    enum status status = STATUS_FAILED;
    for (long n = 0; status != STATUS_OK; n++) {
        size_t bytes;
        temporary_file_write(path, "old", 3);
        failing_files_after(n, EIO);
        status = make(source, &error);
        bool failed = failing_files_failed()[0] != '\0';
        failing_files_after(-1, 0);
        assert_int_equal(status, failed ? STATUS_FAILED : STATUS_OK);
        assert_string_equal(temporary_folder_list(folder), "file ");
        char *data = temporary_file_read(path, &bytes);
        assert_non_null(data);
        assert_true(bytes == 3 << 20 || (failed && bytes == 3 && memcmp(data, "old", 3) == 0));
        free(data);
        if (failed) {
            assert_non_null(strstr(error.what, path));
            assert_string_equal(error.why, "Input/output error");
        }
        assert_in_range(n, 0, 20);
    }
    close(source);
}

/* Another process writes into the file that the first one has begun. */
static void test_join(void **state)
{
    (void)state;
    struct error error;
    struct durable_file file, other;
    uint64_t size = 1;
    size_t bytes;
    int source = source_with_holes();
    assert_int_equal(durable_file_begin(&file, path, &error), STATUS_OK);
    assert_int_equal(durable_file_fill(&file, source, &error), STATUS_OK);
    assert_int_equal(durable_file_join(&other, path, &error), STATUS_OK);
    assert_int_equal(durable_file_size(&other, &size, &error), STATUS_OK);
    assert_int_equal(size, 3 << 20);
    assert_int_equal(pwrite(other.descriptor, "hole", 4, 1000000), 4);
    durable_file_begin_sync(&other, 1000000, 4);
    assert_int_equal(durable_file_compare(&other, "hole", 4, 1000000, &error), STATUS_OK);
    assert_int_equal(durable_file_sync(&other, &error), STATUS_OK);
    durable_file_free(&other);
    assert_int_equal(durable_file_commit(&file, &error), STATUS_OK);
    durable_file_free(&file);

    char *data = temporary_file_read(path, &bytes);
    assert_non_null(data);
    assert_memory_equal(data + 1000000, "hole", 4);
    free(data);
    close(source);
}

static void test_join_nothing(void **state)
{
    (void)state;
    struct error error;
    struct durable_file file;
    assert_int_equal(durable_file_join(&file, path, &error), STATUS_FAILED);
    assert_string_equal(error.why, "No such file or directory");
    durable_file_free(&file);
}

/* As often as the limit allows and no more, and nothing stays open. */
static void test_try(void **state)
{
    (void)state;
    struct error error;
    struct durable_file file;
    struct rlimit usual, few;
    assert_int_equal(durable_file_begin(&file, path, &error), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = (rlim_t)file.descriptor + 1 + 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(durable_file_try(&file, 3, &error), STATUS_OK);
    assert_int_equal(durable_file_try(&file, 4, &error), STATUS_FAILED);
    assert_string_equal(error.why, "Too many open files");
    assert_int_equal(durable_file_try(&file, 3, &error), STATUS_OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    durable_file_remove(&file);
    assert_int_equal(durable_file_try(&file, 1, &error), STATUS_FAILED);
    durable_file_free(&file);
}

/* Longer than what is read at a time. */
static void test_compare(void **state)
{
    (void)state;
    struct error error;
    struct durable_file file;
    static char block[70000];
    memset(block, 'a', sizeof block);
    int source = source_with_holes();
    assert_int_equal(durable_file_begin(&file, path, &error), STATUS_OK);
    assert_int_equal(durable_file_fill(&file, source, &error), STATUS_OK);
    assert_int_equal(durable_file_compare(&file, block, sizeof block, 5, &error), STATUS_OK);
    assert_int_equal(durable_file_compare(&file, block, 0, 5, &error), STATUS_OK);
    assert_int_equal(durable_file_compare(&file, block, sizeof block, 6, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it does not read back as it was written");
    assert_int_equal(durable_file_compare(&file, block, sizeof block, (3 << 20) - 1, &error), STATUS_FAILED);
    memset(block, 0, sizeof block);
    assert_int_equal(durable_file_compare(&file, block, 2, (3 << 20) - 1, &error), STATUS_FAILED);
    durable_file_remove(&file);
    durable_file_free(&file);
    close(source);
}

static void test_no_room_on_full_device(void **state)
{
    (void)state;
    struct error error;
    int source = source_with_holes();
    temporary_file_write(path, "old", 3);
    failing_files_after(0, ENOSPC);
    assert_int_equal(make(source, &error), STATUS_FAILED);
    failing_files_after(-1, 0);
    assert_string_equal(error.why, "No space left on device");
    assert_string_equal(error.remedy, "make room, or take another folder");
    close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_copy, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_empty, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_leftover, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_every_call_fails_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_join, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_join_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_try, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_compare, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_room_on_full_device, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
