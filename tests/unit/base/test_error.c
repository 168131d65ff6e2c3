#include "lstm_mpi/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error error;
static char line[ERROR_LINE_BYTES];

static void parts_are_joined_where_they_are(void **state)
{
    (void)state;
    assert_int_equal(error_set(&error, STATUS_FAILED, "cannot read %s", "novel.txt"), STATUS_FAILED);
    error_line(line, &error);
    assert_string_equal(line, "cannot read novel.txt");
    assert_int_equal(error_remedy(&error, "name a %s", "file"), STATUS_FAILED);
    error_line(line, &error);
    assert_string_equal(line, "cannot read novel.txt (name a file)");
    assert_int_equal(error_why(&error, "it is a %s", "folder"), STATUS_FAILED);
    error_line(line, &error);
    assert_string_equal(line, "cannot read novel.txt: it is a folder (name a file)");
}

static void a_new_error_forgets_the_old(void **state)
{
    (void)state;
    error_set(&error, STATUS_FAILED, "first");
    error_why(&error, "why");
    error_remedy(&error, "remedy");
    assert_int_equal(error_set(&error, STATUS_USAGE, "second"), STATUS_USAGE);
    assert_int_equal(error.status, STATUS_USAGE);
    error_line(line, &error);
    assert_string_equal(line, "second");
}

static void the_system_says_why(void **state)
{
    (void)state;
    assert_int_equal(error_system(&error, ENOENT, "cannot open %d", 7), STATUS_FAILED);
    error_line(line, &error);
    assert_string_equal(line, "cannot open 7: No such file or directory (check the path)");
}

/* 3-byte characters behind 0, 1 and 2 bytes: the cut falls on every byte of a character. */
static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t ahead = 0; ahead < 3; ahead++) {
        char text[4 * ERROR_TEXT_BYTES];
        memset(text, 'a', ahead);
        for (size_t i = ahead; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "剑\0", 4);
        error_set(&error, STATUS_FAILED, "%s", text);
        size_t kept = strlen(error.what);
        assert_true(kept < ERROR_TEXT_BYTES && kept >= ERROR_TEXT_BYTES - 3);
        assert_int_equal((kept - ahead) % 3, 0);
        assert_memory_equal(error.what, text, kept);
    }
}

static void texts_that_just_fit_are_whole(void **state)
{
    (void)state;
    char text[ERROR_TEXT_BYTES + 1];
    memset(text, 'x', sizeof text);
    text[ERROR_TEXT_BYTES - 1] = '\0';
    error_set(&error, STATUS_FAILED, "%s", text);
    assert_string_equal(error.what, text);
    text[ERROR_TEXT_BYTES - 1] = 'x';
    text[ERROR_TEXT_BYTES] = '\0';
    error_set(&error, STATUS_FAILED, "%s", text);
    assert_int_equal(strlen(error.what), ERROR_TEXT_BYTES - 1);
}

static void the_longest_line_is_whole(void **state)
{
    (void)state;
    char text[ERROR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&error, STATUS_FAILED, "%s", text);
    error_why(&error, "%s", text);
    error_remedy(&error, "%s", text);
    error_line(line, &error);
    assert_int_equal(strlen(line), 3 * (ERROR_TEXT_BYTES - 1) + strlen(":  ()"));
    assert_int_equal(line[strlen(line) - 1], ')');
}

/* Names come from users: whatever is in them, an error is one line. */
static void control_characters_become_spaces(void **state)
{
    (void)state;
    char controls[40];
    for (int i = 1; i <= 32; i++)
        controls[i - 1] = (char)i;
    controls[31] = 0x7F;
    controls[32] = '\0';
    error_set(&error, STATUS_FAILED, "a%sb", controls);
    error_why(&error, "我\n有\r\n一\t剑");
    error_remedy(&error, "\033[31mred\x7F");
    error_line(line, &error);
    assert_string_equal(line, "a                                b: 我 有  一 剑 ( [31mred )");
    assert_int_equal(error.what[1], 1);
}

static enum status two_steps(enum status first, int *steps)
{
    enum status status;
    TRY(first);
    ++*steps;
    TRY(STATUS_OK);
    ++*steps;
done:
    return status;
}

static void the_first_failure_ends_a_function(void **state)
{
    (void)state;
    int steps = 0;
    assert_int_equal(two_steps(STATUS_OK, &steps), STATUS_OK);
    assert_int_equal(steps, 2);
    assert_int_equal(two_steps(STATUS_STOPPED, &steps), STATUS_STOPPED);
    assert_int_equal(steps, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_joined_where_they_are),
        cmocka_unit_test(a_new_error_forgets_the_old),
        cmocka_unit_test(the_system_says_why),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(texts_that_just_fit_are_whole),
        cmocka_unit_test(the_longest_line_is_whole),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(the_first_failure_ends_a_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
