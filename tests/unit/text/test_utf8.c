#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The definition (Unicode 15, table 3-7), written down a second time and as plainly as possible. */
static size_t reference_length(const unsigned char *bytes, size_t count, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80                        ? 1
                    : bytes[0] >= 0xC0 && bytes[0] <= 0xDF ? 2
                    : bytes[0] >= 0xE0 && bytes[0] <= 0xEF ? 3
                    : bytes[0] >= 0xF0 && bytes[0] <= 0xF7 ? 4
                                                           : 0;
    if (length == 0 || length > count)
        return 0;
    uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
        value = value << 6 | (bytes[i] & 0x3FU);
    }
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code_point = value;
    return length;
}

static void decodes_as_the_standard_says(void **state)
{
    (void)state;
    static const unsigned char tails[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    const size_t kinds = sizeof tails;
    for (unsigned lead = 0; lead < 256; lead++) {
        for (size_t choice = 0; choice < kinds * kinds * kinds; choice++) {
            for (size_t count = 1; count <= 4; count++) {
                const unsigned char bytes[] = {(unsigned char)lead, tails[choice % kinds],
                                               tails[choice / kinds % kinds], tails[choice / kinds / kinds]};
                uint32_t expected = 0;
                uint32_t decoded = 0;
                size_t length = reference_length(bytes, count, &expected);
                assert_int_equal(utf8_decode(&decoded, bytes, count), length);
                assert_int_equal(decoded, expected);
            }
        }
    }
}

static void nothing_is_no_character(void **state)
{
    (void)state;
    uint32_t code_point;
    assert_int_equal(utf8_decode(&code_point, "", 0), 0);
    assert_int_equal(utf8_check("", 0), 0);
}

static void encodes_what_it_decodes(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < UTF8_CODE_POINTS; value++) {
        unsigned char bytes[UTF8_MAX_BYTES];
        size_t length = utf8_encode(bytes, value);
        if (value >= 0xD800 && value <= 0xDFFF) {
            assert_int_equal(length, 0);
            continue;
        }
        uint32_t decoded = 0;
        assert_int_equal(length, value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_decode(&decoded, bytes, length), length);
        assert_int_equal(decoded, value);
        assert_int_equal(utf8_decode(&decoded, bytes, length - 1), 0);
    }
    unsigned char bytes[UTF8_MAX_BYTES];
    assert_int_equal(utf8_encode(bytes, UTF8_CODE_POINTS), 0);
    assert_int_equal(utf8_encode(bytes, UINT32_MAX), 0);
}

static void finds_the_first_bad_byte(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"", 0},
        {"plain", 5},
        {"我有一剑", 12},
        {"\xF0\x9F\x98\x80", 4},
        {"\x80", 0}, /* a continuation alone */
        {"ab\xBF", 2},
        {"我\x88", 3},         /* one too many */
        {"\xC0\x80", 0},       /* overlong U+0000 */
        {"a\xC1\xBF", 1},      /* overlong U+007F */
        {"ab\xE0\x80\x80", 2}, /* overlong in three bytes */
        {"ab\xE0\x9F\xBF", 2},
        {"ab\xE0\xA0\x80", 5},   /* U+0800, the least of three */
        {"\xF0\x80\x80\x80", 0}, /* overlong in four bytes */
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF0\x90\x80\x80", 4},         /* U+10000, the least of four */
        {"abc\xED\xA0\x80", 3},          /* U+D800 */
        {"abc\xED\xBF\xBF", 3},          /* U+DFFF */
        {"\xED\xA0\xBD\xED\xB8\x80", 0}, /* a pair of surrogates, as CESU-8 has it */
        {"\xED\x9F\xBF\xEE\x80\x80", 6}, /* U+D7FF, U+E000 */
        {"\xF4\x8F\xBF\xBF", 4},         /* U+10FFFF */
        {"\xF4\x90\x80\x80", 0},         /* U+110000 */
        {"\xF5\x80\x80\x80", 0},
        {"\xF8\x88\x80\x80\x80", 0},
        {"\xFC\x84\x80\x80\x80\x80", 0},
        {"a\xFE", 1},
        {"a\xFF", 1},
        {"我\xE6", 3}, /* cut short by the end */
        {"我\xE6\x88", 3},
        {"\xF0\x9F\x98", 0},
        {"\xC3", 0},
        {"\xE6\x88"
         "A",
         0}, /* cut short by another character */
        {"\xE6\xE6\x88\x91", 0},
        {"\xF0\x9F\x98"
         "我",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].offset);
    assert_int_equal(utf8_check("a\0b", 3), 3);
}

static void repairs_what_is_no_character(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a我😀", "a我😀"},
        {"\xFF", "\uFFFD"},
        {"r\xE9sum\xE9/我", "r\uFFFDsum\uFFFD/我"},
        {"我\xE6\x88", "我\uFFFD\uFFFD"},
        {"\xFF\xFE\xFD", "\uFFFD\uFFFD\uFFFD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error;
        char *repaired;
        assert_int_equal(utf8_repair(&repaired, cases[i][0], &error), STATUS_OK);
        assert_string_equal(repaired, cases[i][1]);
        memory_free(repaired);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_standard_says), cmocka_unit_test(nothing_is_no_character),
        cmocka_unit_test(encodes_what_it_decodes),      cmocka_unit_test(finds_the_first_bad_byte),
        cmocka_unit_test(repairs_what_is_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
