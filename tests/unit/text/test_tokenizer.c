#include "lstm_mpi/text/tokenizer.h"

#include "lstm_mpi/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 64 };

/* Every kind of token is cut from this text; each must give it back without gaps. */
static const char text[] = "A fox, 狐狸, ß, 😀.\n  我有一剑!\r\n";

static size_t cut_all(const struct tokenizer_ops *tokenizer, struct token tokens[LONGEST], size_t at_once)
{
    struct cut cut = {
        .text = (const unsigned char *)text, .bytes = sizeof text - 1, .border = sizeof text - 1};
    size_t count = 0;
    size_t got;
    do {
        got = tokenizer->next(&cut, tokens + count, at_once);
        count += got;
    } while (got == at_once);
    assert_int_equal(cut.position, sizeof text - 1);
    return count;
}

static void tokens_lie_without_gaps(void **state)
{
    const struct tokenizer_ops *tokenizer = tokenizers[*(size_t *)*state];
    struct token tokens[LONGEST];
    size_t count = cut_all(tokenizer, tokens, LONGEST);
    size_t position = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char spelled[TOKEN_SPELL_BYTES];
        assert_true(tokens[i].code_point < tokenizer->code_points);
        assert_int_equal(tokenizer->spell(spelled, tokens[i].code_point), tokens[i].bytes);
        assert_memory_equal(spelled, text + position, tokens[i].bytes);
        position += tokens[i].bytes;
    }
    assert_int_equal(position, sizeof text - 1);
}

static void portions_do_not_matter(void **state)
{
    const struct tokenizer_ops *tokenizer = tokenizers[*(size_t *)*state];
    struct token whole[LONGEST];
    struct token portions[LONGEST];
    size_t count = cut_all(tokenizer, whole, LONGEST);
    for (size_t at_once = 1; at_once <= 5; at_once++) {
        assert_int_equal(cut_all(tokenizer, portions, at_once), count);
        assert_memory_equal(portions, whole, count * sizeof *whole);
    }
}

/* Cut in pieces anywhere, with no more in sight than the tokenizer asks for, the tokens are the same. */
static void borders_do_not_matter(void **state)
{
    const struct tokenizer_ops *tokenizer = tokenizers[*(size_t *)*state];
    const size_t bytes = sizeof text - 1;
    struct token whole[LONGEST];
    struct token pieces[LONGEST];
    size_t count = cut_all(tokenizer, whole, LONGEST);
    for (size_t length = 1; length <= bytes; length++) {
        size_t found = 0;
        for (size_t first = 0; first < bytes; first += length) {
            size_t last = first + length < bytes ? first + length : bytes;
            size_t before = first < tokenizer->context_bytes ? first : tokenizer->context_bytes;
            size_t behind = bytes - last < tokenizer->context_bytes ? bytes - last : tokenizer->context_bytes;
            struct cut cut = {
                .text = (const unsigned char *)text + first - before,
                .bytes = last + behind - (first - before),
                .border = last - (first - before),
            };
            cut.position = tokenizer->begin(cut.text, cut.bytes, before);
            found += tokenizer->next(&cut, pieces + found, LONGEST - found);
            assert_true(cut.position >= cut.border);
        }
        assert_int_equal(found, count);
        assert_memory_equal(pieces, whole, count * sizeof *whole);
    }
}

static void is_found_by_its_name(void **state)
{
    const struct tokenizer_ops *tokenizer = tokenizers[*(size_t *)*state];
    assert_ptr_equal(tokenizer_find(tokenizer->name), tokenizer);
}

static void an_unknown_name_finds_nothing(void **state)
{
    (void)state;
    assert_null(tokenizer_find("syllable"));
    assert_null(tokenizer_find(""));
    assert_string_equal(tokenizers[0]->name, "char");
}

static void characters_stop_at_a_bad_byte(void **state)
{
    (void)state;
    static const unsigned char bad[] = "我\xE6\x88!";
    struct cut cut = {.text = bad, .bytes = 6, .border = 6};
    struct token tokens[LONGEST];
    assert_int_equal(tokenizer_find("char")->next(&cut, tokens, LONGEST), 1);
    assert_int_equal(cut.position, 3);
    assert_int_equal(tokens[0].code_point, 0x6211);
    assert_int_equal(tokenizer_find("char")->next(&cut, tokens, LONGEST), 0);
    assert_int_equal(cut.position, 3);
}

/* A stray continuation at the beginning of a piece is nobody's, and must be met as an error there. */
static void characters_begin_behind_a_character_only(void **state)
{
    (void)state;
    const struct tokenizer_ops *chars = tokenizer_find("char");
    static const struct {
        const char *text;
        size_t position;
        size_t begin;
    } cases[] = {
        {"我们", 0, 0},
        {"我们", 1, 3},
        {"我们", 2, 3},
        {"我们", 3, 3},
        {"\xF0\x9F\x98\x80!", 1, 4},
        {"\xF0\x9F\x98\x80!", 3, 4},
        {"a\x80\x80", 1, 1},
        {"a\x80\x80", 2, 2},
        {"我\x80\x80", 3, 3},
        {"\x80\x80\x80\x80", 3, 3},
        {"\xED\xA0\x80", 1, 1},
        {"\xE6\x88", 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            chars->begin((const unsigned char *)cases[i].text, strlen(cases[i].text), cases[i].position),
            cases[i].begin);
    }
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < tokenizer_count; i++) {
        size_t row = i;
        const struct CMUnitTest suite[] = {
            cmocka_unit_test_prestate(tokens_lie_without_gaps, &row),
            cmocka_unit_test_prestate(portions_do_not_matter, &row),
            cmocka_unit_test_prestate(borders_do_not_matter, &row),
            cmocka_unit_test_prestate(is_found_by_its_name, &row),
        };
        failed += cmocka_run_group_tests_name(tokenizers[i]->name, suite, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_finds_nothing),
        cmocka_unit_test(characters_stop_at_a_bad_byte),
        cmocka_unit_test(characters_begin_behind_a_character_only),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
