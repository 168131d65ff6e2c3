#include "html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *text, const char *expected)
{
    char *written = NULL;
    size_t bytes;
    FILE *out = open_memstream(&written, &bytes);
    html_text(out, text);
    fclose(out);
    assert_string_equal(written, expected);
    free(written);
}

static void test_text(void **state)
{
    (void)state;
    check("", "");
    check("我有一剑", "我有一剑");
    check("<script>alert(\"1\" & '2')</script>",
          "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
    check("a\nb\tc", "a\nb\tc");
    check("\x01\x1b[0m\r\x7f", "\xEF\xBF\xBD\xEF\xBF\xBD[0m\xEF\xBF\xBD\xEF\xBF\xBD");
    check("\xC2\x80", "\xEF\xBF\xBD");
    check("\xFFz\xE4\xB8", "\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
