#include "lstm_mpi/store/file_facts.h"

#include "h5.h"
#include "lstm_mpi/store/metrics_file.h"

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

/* A file of this format with these groups; it ends with NULL. */
static void write_file(const char *const *groups)
{
    struct h5 h5;
    struct error error;
    h5_create(&h5, path, &error);
    h5_put_text(&h5, "/", "format", "lstm_mpi");
    h5_put_u64(&h5, "/", "format_version", 1);
    for (; *groups; groups++)
        h5_make_group(&h5, *groups);
    assert_int_equal(h5_close(&h5), STATUS_OK);
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
    write_file((const char *const[]){"/model", "/metrics", "/progress", "/checksum", NULL});
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_OK);
    assert_false(facts.is_metrics);
    assert_true(facts.has_progress);
    assert_true(facts.has_checksums);
    assert_null(facts.created);
    assert_null(facts.program_version);
    file_facts_free(&facts);

    write_file((const char *const[]){NULL});
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
    struct h5 h5;
    h5_create(&h5, path, &error);
    assert_int_equal(h5_close(&h5), STATUS_OK);
    assert_int_equal(file_facts_read(&facts, path, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it is an HDF5 file of another program");
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
