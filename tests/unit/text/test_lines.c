#include "lstm_mpi/text/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error error;
static char folder[] = "/tmp/test_lines.XXXXXX";
static char paths[2][64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof paths[i], "%s/part%d.txt", folder, i);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        unlink(paths[i]);
    return rmdir(folder);
}

static void write_file(int index, const char *text)
{
    FILE *file = fopen(paths[index], "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct lines *opened(size_t count, bool is_utf8)
{
    static const char *const all[] = {paths[0], paths[1]};
    struct lines *lines;
    assert_int_equal(lines_open(&lines, all, count, is_utf8, &error), STATUS_OK);
    return lines;
}

static void assert_next(struct lines *lines, const char *expected)
{
    const char *text;
    size_t bytes;
    assert_int_equal(lines_next(lines, &text, &bytes, &error), STATUS_OK);
    if (!expected) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_int_equal(bytes, strlen(expected));
    assert_memory_equal(text, expected, bytes);
}

/* A newline ends a line, and so does the end of its file; of an empty file there is none. */
static void test_lines(void **state)
{
    (void)state;
    write_file(0, "\xEF\xBB\xBF一\r\n\n\rb\r\nend");
    write_file(1, "\r\nx\r");
    struct lines *lines = opened(2, true);
    static const char *const expected[] = {"一", "", "\rb", "end", "", "x\r", NULL, NULL};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_next(lines, expected[i]);
    lines_close(lines);
    static const char *const empty[] = {"", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        write_file(0, empty[i]);
        write_file(1, "x");
        lines = opened(2, true);
        assert_next(lines, "x");
        assert_next(lines, NULL);
        lines_close(lines);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    write_file(0, "\xEF\xBB\xBF\xFF\r\n\xFE");
    struct lines *lines = opened(1, false);
    assert_next(lines, "\xEF\xBB\xBF\xFF\r");
    assert_next(lines, "\xFE");
    assert_next(lines, NULL);
    lines_close(lines);
}

static void test_failures(void **state)
{
    (void)state;
    const char *text;
    size_t bytes;
    write_file(0, "ab\nc\xFF\n");
    struct lines *lines = opened(1, true);
    assert_next(lines, "ab");
    assert_int_equal(lines_next(lines, &text, &bytes, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, paths[0]));
    assert_non_null(strstr(error.why, "offset 4"));
    lines_close(lines);
    unlink(paths[0]);
    lines = opened(1, true);
    assert_int_equal(lines_next(lines, &text, &bytes, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, paths[0]));
    lines_close(lines);
}

static void test_built_in_text(void **state)
{
    (void)state;
    const char *text;
    size_t bytes;
    struct lines *lines = opened(0, true);
    assert_int_equal(lines_next(lines, &text, &bytes, &error), STATUS_OK);
    assert_non_null(text);
    lines_close(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_built_in_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
