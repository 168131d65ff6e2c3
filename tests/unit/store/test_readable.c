#include "lstm_mpi/store/readable.h"
#include "support/failing_allocator.h"
#include "support/temporary_folder.h"

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
    snprintf(path, sizeof path, "%.300s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static void test_readable(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(readable_check(path, &error), STATUS_OK); /* not there */
    assert_int_equal(readable_check(folder, &error), STATUS_OK);
    temporary_file_write(path, "x", 1);
    assert_int_equal(readable_check(path, &error), STATUS_OK);
}

static void test_no_way_to_it(void **state)
{
    (void)state;
    struct error error;
    temporary_file_write(path, "x", 1);
    char below[TEMPORARY_PATH_BYTES];
    snprintf(below, sizeof below, "%.300s/inner", path);
    assert_int_equal(readable_check(below, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, below));
    assert_string_equal(error.why, "Not a directory");
}

static void test_failing_read(void **state)
{
    (void)state;
    struct error error;
    /* A regular file whose first bytes the kernel does not give. */
    static const char memory[] = "/proc/self/mem";
    assert_int_equal(readable_check(memory, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, memory));
    assert_string_equal(error.why, "Input/output error");
    assert_true(error.remedy[0] != '\0');
}

static void test_no_memory(void **state)
{
    (void)state;
    struct error error;
    temporary_file_write(path, "x", 1);
    failing_allocator_after(0);
    assert_int_equal(readable_check(path, &error), STATUS_FAILED);
    failing_allocator_after(-1);
    assert_true(error.short_of_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_readable, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_way_to_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_failing_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_memory, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
