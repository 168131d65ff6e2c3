#include "format_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

__attribute__((format(printf, 3, 4))) static void format(char *text, size_t bytes, const char *with, ...)
{
    va_list arguments;
    va_start(arguments, with);
    format_text(text, bytes, with, arguments);
    va_end(arguments);
}

/* Characters of 1 to 4 bytes, and every room from one byte to enough: always as many as fit. */
static void as_many_characters_as_fit(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "é", "剑", "🗡", "é", "b", "剑"};
    static const char whole[] = "aé剑🗡éb剑";
    size_t next = 0;
    size_t length = 0;
    for (size_t bytes = 1; bytes <= sizeof whole + 2; bytes++) {
        char text[32] = "untouched, and longer than that";
        if (next < sizeof characters / sizeof characters[0] && length + strlen(characters[next]) < bytes)
            length += strlen(characters[next++]);
        format(text, bytes, "%s", whole);
        assert_int_equal(strlen(text), length);
        assert_memory_equal(text, whole, length);
    }
    assert_int_equal(length, strlen(whole));
}

/* Bytes that are no UTF-8 come through, and never lead out of the text. */
static void broken_text_is_cut_too(void **state)
{
    (void)state;
    char text[5];
    format(text, sizeof text, "%s", "\x80\x80\x80\x80\x80\x80");
    assert_string_equal(text, "\x80\x80\x80\x80");
    format(text, sizeof text, "%s", "abc\xF0\x9F\x97\xA1");
    assert_string_equal(text, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_characters_as_fit),
        cmocka_unit_test(broken_text_is_cut_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
