#include "lstm_mpi/store/file_facts.h"

#include "lstm_mpi/store/metrics_file.h"

#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/test_file_facts_XXXXXX";

static int take_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put_attribute(hid_t file, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0);
    assert_true(H5Awrite(attribute, type, value) >= 0);
    assert_true(H5Aclose(attribute) >= 0);
    assert_true(H5Sclose(space) >= 0);
}

/* A file of this format, as other programs may write it, with these groups; the last is NULL. */
static void write_file(const char *format, const char *const *groups)
{
    uint64_t version = 1;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(text, strlen(format) + 1) >= 0);
    put_attribute(file, "format", text, format);
    put_attribute(file, "format_version", H5T_NATIVE_UINT64, &version);
    for (; *groups; groups++)
        assert_true(H5Gclose(H5Gcreate2(file, *groups, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0);
    assert_true(H5Tclose(text) >= 0);
    assert_true(H5Fclose(file) >= 0);
}

static void a_metrics_file_is_told_apart(void **state)
{
    (void)state;
    struct error error;
    struct file_facts facts;
    struct history history = {0};
    assert_int_equal(metrics_file_write(path, &history, &error), STATUS_OK);
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_OK);
    assert_true(facts.is_metrics);
    assert_int_equal(facts.format_version, 1);
    assert_non_null(facts.program_version);
    assert_int_equal(strlen(facts.created), strlen("2026-11-24T20:10:32Z"));
    assert_false(facts.has_progress);
    assert_true(facts.bytes > 0);
    file_facts_free(&facts);
}

static void all_else_is_taken_for_a_checkpoint(void **state)
{
    (void)state;
    struct error error;
    struct file_facts facts;
    write_file("lstm_mpi", (const char *const[]){"/model", "/metrics", "/progress", "/checksum", NULL});
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_OK);
    assert_false(facts.is_metrics);
    assert_true(facts.has_progress);
    assert_true(facts.has_checksums);
    assert_null(facts.created);
    assert_null(facts.program_version);
    file_facts_free(&facts);

    write_file("lstm_mpi", (const char *const[]){NULL});
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_OK);
    assert_false(facts.is_metrics);
    assert_false(facts.has_progress);
    assert_false(facts.has_checksums);
    file_facts_free(&facts);
}

static void what_is_no_file_of_this_program_is_an_error(void **state)
{
    (void)state;
    struct error error;
    struct file_facts facts;
    write_file("another", (const char *const[]){"/model", NULL});
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "another"));
    file_facts_free(&facts);

    FILE *text = fopen(path, "w");
    assert_non_null(text);
    assert_int_equal(fclose(text), 0);
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it is not an HDF5 file");
    file_facts_free(&facts);

    assert_int_equal(file_facts_read(&facts, "/nowhere/at.h5", &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, "/nowhere/at.h5"));
    file_facts_free(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metrics_file_is_told_apart),
        cmocka_unit_test(all_else_is_taken_for_a_checkpoint),
        cmocka_unit_test(what_is_no_file_of_this_program_is_an_error),
    };
    return cmocka_run_group_tests(tests, take_file, remove_file);
}
