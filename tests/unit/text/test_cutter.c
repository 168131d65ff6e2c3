#include "cutter.h"

#include "lstm_mpi/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

/* Tokens as one text, each between bars. */
enum { MOST_BYTES = 1 << 17 };

struct cut_text {
    const struct tokenizer_ops *tokenizer;
    char bytes[2 * MOST_BYTES];
    size_t used;
};

static enum status collect(void *context, const struct portion *portion, struct error *reason)
{
    (void)reason;
    struct cut_text *cut = context;
    const unsigned char *text = portion->text;
    for (size_t i = 0; i < portion->count; i++) {
        unsigned char spelled[TOKEN_SPELL_BYTES];
        size_t bytes = portion->tokens[i];
        if (cut->tokenizer->code_points > 0)
            bytes = cut->tokenizer->spell(spelled, portion->tokens[i]);
        assert_true(bytes > 0 && cut->used + bytes < sizeof cut->bytes);
        memcpy(cut->bytes + cut->used, text, bytes);
        text += bytes;
        cut->used += bytes;
        cut->bytes[cut->used++] = '|';
    }
    return STATUS_OK;
}

static void cut_into(struct cut_text *cut, const struct token_rules *rules, const void *text, size_t bytes)
{
    struct cutter cutter = {.rules = *rules};
    cut->tokenizer = rules->tokenizer;
    assert_int_equal(cutter_check(rules, text, bytes), bytes);
    assert_int_equal(cutter_cut(&cutter, text, bytes, collect, cut, &error), STATUS_OK);
    cutter_free(&cutter);
}

static struct token_rules rules_of(const char *name, bool drop_newlines, bool lowercase)
{
    return (struct token_rules){tokenizer_find(name), drop_newlines, lowercase};
}

static void assert_cut(const struct token_rules *rules, const void *text, size_t bytes, const char *expected,
                       size_t expected_bytes)
{
    static struct cut_text cut;
    cut.used = 0;
    cut_into(&cut, rules, text, bytes);
    assert_int_equal(cut.used, expected_bytes);
    assert_memory_equal(cut.bytes, expected, expected_bytes);
}

#define ASSERT_CUT(rules, text, expected) \
    assert_cut(rules, text, sizeof(text) - 1, expected, sizeof(expected) - 1)

static void words_are_segments(void **state)
{
    (void)state;
    const struct token_rules rules = rules_of("word", false, false);
    ASSERT_CUT(&rules, "", "");
    ASSERT_CUT(&rules, "The quick (“brown”) fox can’t jump 32.3 feet, right?",
               "The| |quick| |(|“|brown|”|)| |fox| |can’t| |jump| |32.3| |feet|,| |right|?|");
    ASSERT_CUT(&rules, "a  b\t\tc\n\nd", "a|  |b|\t|\t|c|\n|\n|d|");
    ASSERT_CUT(&rules, "我有一剑。", "我|有|一|剑|。|");
    ASSERT_CUT(&rules, "コンピュータ snake_case e\xCC\x81t\xC3\xA9",
               "コンピュータ| |snake_case| |e\xCC\x81t\xC3\xA9|");
    ASSERT_CUT(&rules, "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7!",
               "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7|!|");
    ASSERT_CUT(&rules, "🇩🇪🇫🇷🇮", "🇩🇪|🇫🇷|🇮|");
    ASSERT_CUT(&rules, "a\0\0b", "a|\0|\0|b|");
    ASSERT_CUT(&rules, "one\r\ntwo\rthree\n\r\r\n", "one|\n|two|\r|three|\n|\r\n|");
}

static void long_words_are_cut_at_a_character(void **state)
{
    (void)state;
    const struct token_rules rules = rules_of("word", false, false);
    static char text[3000];
    static char expected[3200];
    for (size_t bytes = 1; bytes <= 200; bytes++) {
        size_t used = 0;
        memset(text, 'a', bytes);
        for (size_t i = 0; i < bytes; i++) {
            expected[used++] = 'a';
            if (i % 64 == 63 || i + 1 == bytes)
                expected[used++] = '|';
        }
        assert_cut(&rules, text, bytes, expected, used);
    }
    /* Letters of two bytes behind one of one: 63 bytes, and 62 where three bytes stand across. */
    ASSERT_CUT(&rules, "aéééééééééééééééééééééééééééééééééééé", "aééééééééééééééééééééééééééééééé|ééééé|");
    ASSERT_CUT(&rules, "ああ", "あ|あ|");
    ASSERT_CUT(&rules, "カカカカカカカカカカカカカカカカカカカカカカカカ",
               "カカカカカカカカカカカカカカカカカカカカカ|カカカ|");
}

static void characters_and_bytes(void **state)
{
    (void)state;
    const struct token_rules chars = rules_of("char", false, false);
    const struct token_rules bytes = rules_of("byte", false, false);
    ASSERT_CUT(&chars, "é\r\n我\r", "é|\n|我|\r|");
    ASSERT_CUT(&bytes, "\xEF\xBB\xBF\r\n\xFF\0", "\xEF|\xBB|\xBF|\r|\n|\xFF|\0|");
}

static void newlines_are_dropped_before_tokens_are_cut(void **state)
{
    (void)state;
    const struct token_rules words = rules_of("word", true, false);
    const struct token_rules chars = rules_of("char", true, false);
    const struct token_rules bytes = rules_of("byte", true, false);
    ASSERT_CUT(&words, "foo\nbar\r\nbaz \n qux\r", "foobarbaz|  |qux|");
    ASSERT_CUT(&words, "e\n\xCC\x81", "e\xCC\x81|");
    ASSERT_CUT(&words, "\r\n\n", "");
    ASSERT_CUT(&chars, "a\n\rb\xC2\x85\r\n", "a|b|\xC2\x85|");
    ASSERT_CUT(&bytes, "a\r\n\xFF\n", "a|\xFF|");
}

/* Unicode's full mapping: lengths change, a sigma at the end of a word has another small form. */
static void letters_become_small(void **state)
{
    (void)state;
    const struct token_rules words = rules_of("word", false, true);
    const struct token_rules chars = rules_of("char", false, true);
    const struct token_rules bytes = rules_of("byte", false, true);
    ASSERT_CUT(&words, "The ÉCOLE", "the| |école|");
    ASSERT_CUT(&words, "ΟΔΟΣ ΟΔΟΣ. ΣΟΣ Σ", "οδος| |οδος|.| |σος| |σ|");
    ASSERT_CUT(&chars, "İA", "i|\xCC\x87|a|");
    ASSERT_CUT(&chars, "ȺB", "ⱥ|b|");
    ASSERT_CUT(&chars, "ABC xyz\r\nẞ", "a|b|c| |x|y|z|\n|ß|");
    ASSERT_CUT(&bytes, "A\xFF\xC3\x89\xC3", "a|\xFF|\xC3|\xA9|\xC3|");
    const struct token_rules both = rules_of("word", true, true);
    ASSERT_CUT(&both, "ΟΔΟΣ\nΑ", "οδοσα|"); /* newlines go first: the sigma is within a word */
}

static const char *const pieces[] = {"a",
                                     "B",
                                     "Σ",
                                     "σ",
                                     "é",
                                     "E\xCC\x81",
                                     "\xCC\x81",
                                     "I",
                                     "İ",
                                     "1",
                                     "2",
                                     ".",
                                     ",",
                                     ":",
                                     "'",
                                     "\"",
                                     "’",
                                     "_",
                                     "-",
                                     " ",
                                     "  ",
                                     "\t",
                                     "\n",
                                     "\r",
                                     "\r\n",
                                     "我",
                                     "剑",
                                     "。",
                                     "カ",
                                     "ー",
                                     "あ",
                                     "א",
                                     "״",
                                     "🇩",
                                     "🇪",
                                     "😀",
                                     "👩",
                                     "🏽",
                                     "\xE2\x80\x8D",
                                     "\xEF\xBB\xBF",
                                     "\xC2\xAD",
                                     "^",
                                     "ͅ",
                                     "\xC2\xA0",
                                     "\xE3\x80\x80",
                                     "ก",
                                     "ั",
                                     "한",
                                     "\xE2\x80\xA8",
                                     "\xC2\x85",
                                     "\x01",
                                     "Ⓐ",
                                     "ᾈ",
                                     "ʰ"};
enum { PIECES = sizeof pieces / sizeof pieces[0] };

static size_t random_text(char *text, uint64_t number)
{
    size_t bytes = 0;
    uint64_t count = 1 + random_below(7, number, 0, 24);
    for (uint64_t i = 0; i < count; i++) {
        /* Half of the texts hold two kinds only: long sequences of flags, quotes, newlines. */
        uint64_t kinds = number % 2 == 0 ? PIECES : 2;
        uint64_t piece = random_below(7, number, i + 1, kinds);
        if (kinds == 2)
            piece = random_below(7, number, 100 + piece, PIECES);
        size_t length = strlen(pieces[piece]);
        memcpy(text + bytes, pieces[piece], length);
        bytes += length;
    }
    return bytes;
}

/* What the last test text was, where one fails. */
static void show(const char *text, size_t bytes, const struct token_rules *rules, size_t border)
{
    print_error("%s, drop %d, lower %d, border %zu of:", rules->tokenizer->name, rules->drop_newlines,
                rules->lowercase, border);
    for (size_t i = 0; i < bytes; i++)
        print_error(" %02X", (unsigned char)text[i]);
    print_error("\n");
}

static void check_all_borders(const char *text, size_t bytes, const struct token_rules *rules)
{
    static struct cut_text whole, parts;
    whole.used = 0;
    cut_into(&whole, rules, text, bytes);
    size_t last = 0;
    for (size_t position = 0; position <= bytes; position++) {
        size_t border = cutter_border(rules, (const unsigned char *)text, bytes, position);
        assert_in_range(border, position, bytes);
        assert_true(border >= last);
        if (border == last)
            continue;
        last = border;
        /* No more is looked at than what cutter.h says. */
        if (position > CUTTER_BEFORE) {
            size_t hidden = position - CUTTER_BEFORE;
            assert_int_equal(
                cutter_border(rules, (const unsigned char *)text + hidden, bytes - hidden, CUTTER_BEFORE),
                border - hidden);
        }
        parts.used = 0;
        cut_into(&parts, rules, text, border);
        cut_into(&parts, rules, text + border, bytes - border);
        if (parts.used != whole.used || memcmp(parts.bytes, whole.bytes, whole.used) != 0)
            show(text, bytes, rules, border);
        assert_int_equal(parts.used, whole.used);
        assert_memory_equal(parts.bytes, whole.bytes, whole.used);
    }
}

static void a_text_cut_at_borders_is_the_whole_text(void **state)
{
    (void)state;
    char text[512];
    for (uint64_t number = 0; number < 6000; number++) {
        size_t bytes = random_text(text, number);
        for (size_t kind = 0; kind < tokenizer_count; kind++) {
            for (int flags = 0; flags < 4; flags++) {
                const struct token_rules rules = {tokenizers[kind], flags & 1, flags >> 1};
                check_all_borders(text, bytes, &rules);
            }
        }
    }
}

/* There are borders where a text has any: pieces do not grow. */
static void usual_texts_have_borders(void **state)
{
    (void)state;
    const struct token_rules rules = rules_of("word", true, true);
    static const struct {
        const char *text;
        size_t position, border;
    } cases[] = {
        {"one two", 1, 4},  {"我有一剑", 1, 3},  {"我有一剑", 3, 3},
        {"end. New", 3, 5}, {"end.\nNew", 2, 8}, {"ab", 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cutter_border(&rules, (const unsigned char *)cases[i].text, strlen(cases[i].text),
                                       cases[i].position),
                         cases[i].border);
    }
}

/* A text without any is cut, wherever the next character begins, looking no further than it says. */
static void a_text_without_borders_is_cut(void **state)
{
    (void)state;
    static unsigned char text[MOST_BYTES];
    const struct token_rules rules = rules_of("word", false, false);
    const size_t reach = cutter_reach(&rules);
    for (size_t i = 0; i < MOST_BYTES; i += 2)
        memcpy(text + i, "é", 2);
    assert_int_equal(cutter_border(&rules, text, MOST_BYTES, 100), 100);
    assert_int_equal(cutter_border(&rules, text, MOST_BYTES, 101), 102);
    assert_int_equal(cutter_border(&rules, text, 101 + reach, 101), 102);
    /* At the end of a file it is near. */
    assert_int_equal(cutter_border(&rules, text, 2000, 101), 2000);
    text[1001] = ' ';
    text[1000] = ' ';
    assert_int_equal(cutter_border(&rules, text, MOST_BYTES, 101), 1002);
}

static void bad_bytes_are_found_where_they_matter(void **state)
{
    (void)state;
    static const unsigned char bad[] = "good \xE5\x89 text";
    const struct token_rules chars = rules_of("char", false, false);
    const struct token_rules words = rules_of("word", false, false);
    const struct token_rules bytes = rules_of("byte", true, true);
    assert_int_equal(cutter_check(&chars, bad, sizeof bad - 1), 5);
    assert_int_equal(cutter_check(&words, bad, sizeof bad - 1), 5);
    assert_int_equal(cutter_check(&bytes, bad, sizeof bad - 1), sizeof bad - 1);
}

/* Random bytes: borders come in order, and bytes are cut at them as the whole is. */
static void any_bytes_have_borders(void **state)
{
    (void)state;
    unsigned char text[64];
    for (uint64_t number = 0; number < 3000; number++) {
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (unsigned char)random_below(9, number, i, 256);
        for (int flags = 0; flags < 4; flags++) {
            const struct token_rules bytes = {tokenizer_find("byte"), flags & 1, flags >> 1};
            check_all_borders((const char *)text, sizeof text, &bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_segments),
        cmocka_unit_test(long_words_are_cut_at_a_character),
        cmocka_unit_test(characters_and_bytes),
        cmocka_unit_test(newlines_are_dropped_before_tokens_are_cut),
        cmocka_unit_test(letters_become_small),
        cmocka_unit_test(a_text_cut_at_borders_is_the_whole_text),
        cmocka_unit_test(usual_texts_have_borders),
        cmocka_unit_test(a_text_without_borders_is_cut),
        cmocka_unit_test(bad_bytes_are_found_where_they_matter),
        cmocka_unit_test(any_bytes_have_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
