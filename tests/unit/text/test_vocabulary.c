#include "lstm_mpi/text/vocabulary.h"

#include "cutter.h"
#include "lstm_mpi/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

static const struct token_rules *chars(void)
{
    static struct token_rules rules;
    rules.tokenizer = tokenizer_find("char");
    return &rules;
}

static enum status count_portion(void *context, const struct portion *portion, struct error *reason)
{
    return token_counts_add(context, portion, reason);
}

static void count_text(struct token_counts *counts, const char *text, size_t bytes)
{
    struct cutter cutter = {.rules = counts->rules};
    assert_int_equal(cutter_cut(&cutter, (const unsigned char *)text, bytes, count_portion, counts, &error),
                     STATUS_OK);
    cutter_free(&cutter);
}

static struct vocabulary *vocabulary_of(const char *text, size_t bytes)
{
    struct token_counts counts;
    struct vocabulary *vocabulary;
    assert_int_equal(token_counts_create(&counts, chars(), &error), STATUS_OK);
    count_text(&counts, text, bytes);
    assert_int_equal(vocabulary_create(&vocabulary, &counts, &error), STATUS_OK);
    token_counts_free(&counts);
    return vocabulary;
}

static void assert_token(const struct vocabulary *vocabulary, uint32_t id, const char *text,
                         uint32_t code_point, uint64_t count)
{
    size_t bytes;
    assert_string_equal(vocabulary_text(vocabulary, id, &bytes), text);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(vocabulary_shown(vocabulary, id), text);
    assert_int_equal(vocabulary_code_point(vocabulary, id), code_point);
    assert_int_equal(vocabulary_count(vocabulary, id), count);
}

static void orders_by_count_then_code_point(void **state)
{
    (void)state;
    const char text[] = "b剑a剑b剑你😀\n你";
    struct vocabulary *vocabulary = vocabulary_of(text, strlen(text));
    assert_int_equal(vocabulary_size(vocabulary), 7);
    assert_token(vocabulary, 0, "<unk>", 0, 0);
    assert_token(vocabulary, 1, "剑", 0x5251, 3);
    assert_token(vocabulary, 2, "b", 'b', 2);
    assert_token(vocabulary, 3, "你", 0x4F60, 2);
    assert_token(vocabulary, 4, "\n", '\n', 1);
    assert_token(vocabulary, 5, "a", 'a', 1);
    assert_token(vocabulary, 6, "😀", 0x1F600, 1);
    vocabulary_destroy(vocabulary);
}

/* Of a text that is one character, by its code point. */
static uint32_t encoded(const struct vocabulary *vocabulary, const char *text, size_t bytes)
{
    uint32_t *ids;
    size_t count;
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, text, bytes, &error), STATUS_OK);
    assert_int_equal(count, 1);
    uint32_t id = ids[0];
    memory_free(ids);
    return id;
}

static void finds_tokens(void **state)
{
    (void)state;
    struct vocabulary *vocabulary = vocabulary_of("aab剑", 6);
    for (uint32_t id = 1; id < vocabulary_size(vocabulary); id++) {
        size_t bytes;
        const char *text = vocabulary_text(vocabulary, id, &bytes);
        assert_int_equal(vocabulary_find(vocabulary, text, bytes), id);
        assert_int_equal(encoded(vocabulary, text, bytes), id);
    }
    assert_int_equal(vocabulary_find(vocabulary, "c", 1), VOCABULARY_UNKNOWN);
    assert_int_equal(vocabulary_find(vocabulary, "aa", 2), VOCABULARY_UNKNOWN);
    assert_int_equal(vocabulary_find(vocabulary, "", 0), VOCABULARY_UNKNOWN);
    assert_int_equal(vocabulary_find(vocabulary, "\xE5\x89", 2), VOCABULARY_UNKNOWN);
    assert_int_equal(vocabulary_find(vocabulary, "<unk>", 5), VOCABULARY_UNKNOWN);
    assert_int_equal(encoded(vocabulary, "c", 1), VOCABULARY_UNKNOWN);
    assert_int_equal(encoded(vocabulary, "\0", 1), VOCABULARY_UNKNOWN);
    assert_int_equal(encoded(vocabulary, "\xF4\x8F\xBF\xBF", 4), VOCABULARY_UNKNOWN); /* U+10FFFF, the last */
    vocabulary_destroy(vocabulary);
}

static void the_zero_character_is_a_token_like_others(void **state)
{
    (void)state;
    struct vocabulary *vocabulary = vocabulary_of("\0\0a", 3);
    size_t bytes;
    assert_memory_equal(vocabulary_text(vocabulary, 1, &bytes), "\0", 2);
    assert_int_equal(bytes, 1);
    assert_string_equal(vocabulary_shown(vocabulary, 1), "<0x00>");
    assert_int_equal(vocabulary_longest_shown(vocabulary), strlen("<0x00>"));
    assert_int_equal(vocabulary_code_point(vocabulary, 1), 0);
    assert_int_equal(vocabulary_count(vocabulary, 1), 2);
    assert_int_equal(encoded(vocabulary, "\0", 1), 1);
    vocabulary_destroy(vocabulary);
}

static void counts_of_ranks_add_up(void **state)
{
    (void)state;
    struct token_counts mine, theirs;
    assert_int_equal(token_counts_create(&mine, chars(), &error), STATUS_OK);
    assert_int_equal(token_counts_create(&theirs, chars(), &error), STATUS_OK);
    count_text(&mine, "abb", 3);
    count_text(&theirs, "ca", 2);
    for (size_t i = 0; i < mine.length; i++)
        mine.counts[i] += theirs.counts[i];
    mine.counts['z'] = UINT64_C(5000000000);
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_create(&vocabulary, &mine, &error), STATUS_OK);
    assert_token(vocabulary, 1, "z", 'z', UINT64_C(5000000000));
    assert_token(vocabulary, 2, "a", 'a', 2);
    assert_token(vocabulary, 3, "b", 'b', 2);
    assert_token(vocabulary, 4, "c", 'c', 1);
    vocabulary_destroy(vocabulary);
    token_counts_free(&mine);
    token_counts_free(&theirs);
}

static void restores_what_was_stored(void **state)
{
    (void)state;
    struct vocabulary *stored = vocabulary_of("剑剑剑\0\0b你\n", 16);
    const size_t size = vocabulary_size(stored);
    const char *texts[8];
    uint32_t code_points[8];
    uint64_t counts[8];
    for (uint32_t id = 0; id < size; id++) {
        texts[id] = vocabulary_shown(stored, id);
        code_points[id] = vocabulary_code_point(stored, id);
        counts[id] = vocabulary_count(stored, id);
    }
    struct vocabulary *restored[2];
    assert_int_equal(vocabulary_restore(&restored[0], chars(), texts, code_points, counts, size, &error),
                     STATUS_OK);
    assert_int_equal(vocabulary_restore(&restored[1], chars(), texts, NULL, NULL, size, &error), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vocabulary_size(restored[i]), size);
        assert_int_equal(vocabulary_digest(restored[i]), vocabulary_digest(stored));
        for (uint32_t id = 0; id < size; id++) {
            size_t bytes, bytes_stored;
            const char *text = vocabulary_text(stored, id, &bytes_stored);
            assert_memory_equal(vocabulary_text(restored[i], id, &bytes), text, bytes_stored + 1);
            assert_int_equal(bytes, bytes_stored);
            assert_string_equal(vocabulary_shown(restored[i], id), texts[id]);
            assert_int_equal(vocabulary_code_point(restored[i], id), code_points[id]);
            assert_int_equal(vocabulary_count(restored[i], id), i == 0 ? counts[id] : 0);
            assert_int_equal(vocabulary_find(restored[i], text, bytes_stored), id);
        }
        vocabulary_destroy(restored[i]);
    }
    vocabulary_destroy(stored);
}

static void the_first_is_unknown_whatever_its_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"剑", "<0x41>", "剑", "<0xe9>", "<"};
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_restore(&vocabulary, chars(), texts, NULL, NULL, 5, &error), STATUS_OK);
    assert_token(vocabulary, 0, "<unk>", 0, 0);
    assert_token(vocabulary, 1, "A", 'A', 0);
    assert_token(vocabulary, 2, "剑", 0x5251, 0);
    assert_token(vocabulary, 3, "é", 0xE9, 0);
    assert_token(vocabulary, 4, "<", '<', 0);
    assert_int_equal(vocabulary_find(vocabulary, "剑", 3), 2);
    vocabulary_destroy(vocabulary);
}

static void refuses_what_is_no_character(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "ab",     "剑你",    "\xE5\x89", "\xFF", "\xED\xA0\x80",
        "<0x4>", "<0x4G>", "<0x041>", "<0X41>",   "a\n",  "a token far longer than any quote"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *texts[] = {"<unk>", "a", bad[i]};
        struct vocabulary *vocabulary;
        assert_int_equal(vocabulary_restore(&vocabulary, chars(), texts, NULL, NULL, 3, &error),
                         STATUS_FAILED);
        assert_null(vocabulary);
        assert_non_null(strstr(error.why, "token 2"));
        assert_non_null(strstr(error.why, "is not one character"));
        assert_null(strchr(error.why, '\n'));
    }
}

static void refuses_contradictions(void **state)
{
    (void)state;
    static const char *const twice[] = {"<unk>", "a", "b", "<0x61>"};
    static const char *const texts[] = {"<unk>", "a", "b"};
    static const uint32_t code_points[] = {0, 'a', 'c'};
    struct vocabulary *vocabulary;
    assert_int_equal(vocabulary_restore(&vocabulary, chars(), twice, NULL, NULL, 4, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "token 3"));
    assert_non_null(strstr(error.why, "twice"));
    assert_int_equal(vocabulary_restore(&vocabulary, chars(), texts, code_points, NULL, 3, &error),
                     STATUS_FAILED);
    assert_non_null(strstr(error.why, "token 2"));
    assert_int_equal(vocabulary_restore(&vocabulary, chars(), texts, NULL, NULL, 0, &error), STATUS_FAILED);
    assert_null(vocabulary);
}

static void encodes_a_text(void **state)
{
    (void)state;
    struct vocabulary *vocabulary = vocabulary_of("剑剑剑aab", 12);
    uint32_t *ids;
    size_t count;
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, "b剑你a", 8, &error), STATUS_OK);
    static const uint32_t expected[] = {3, 1, VOCABULARY_UNKNOWN, 2};
    assert_int_equal(count, 4);
    assert_memory_equal(ids, expected, sizeof expected);
    memory_free(ids);
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, "", 0, &error), STATUS_OK);
    assert_int_equal(count, 0);
    memory_free(ids);
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, "b剑\xE5\x89", 6, &error),
                     STATUS_FAILED);
    assert_non_null(strstr(error.why, "offset 4,"));
    assert_null(ids);
    vocabulary_destroy(vocabulary);
}

static struct vocabulary *vocabulary_by(const struct token_rules *rules, const char *text, size_t bytes,
                                        uint64_t least)
{
    struct token_counts counts;
    struct vocabulary *vocabulary;
    assert_int_equal(token_counts_create(&counts, rules, &error), STATUS_OK);
    count_text(&counts, text, bytes);
    token_counts_drop_rare(&counts, least);
    assert_int_equal(vocabulary_create(&vocabulary, &counts, &error), STATUS_OK);
    token_counts_free(&counts);
    return vocabulary;
}

/* Stored and restored, it is the same. */
static void assert_survives(const struct vocabulary *stored)
{
    const char *texts[300];
    uint32_t code_points[300];
    uint64_t counts[300];
    size_t size = vocabulary_size(stored);
    struct vocabulary *restored;
    for (uint32_t id = 0; id < size; id++) {
        texts[id] = vocabulary_shown(stored, id);
        code_points[id] = vocabulary_code_point(stored, id);
        counts[id] = vocabulary_count(stored, id);
    }
    assert_int_equal(vocabulary_restore(&restored, vocabulary_rules(stored), texts,
                                        vocabulary_has_code_points(stored) ? code_points : NULL, counts, size,
                                        &error),
                     STATUS_OK);
    assert_int_equal(vocabulary_size(restored), size);
    assert_true(vocabulary_digest(restored) == vocabulary_digest(stored));
    for (uint32_t id = 0; id < size; id++) {
        size_t bytes;
        const char *text = vocabulary_text(stored, id, &bytes);
        assert_true(vocabulary_count(restored, id) == counts[id]);
        assert_string_equal(vocabulary_shown(restored, id), texts[id]);
        assert_int_equal(vocabulary_find(restored, text, bytes), id);
    }
    vocabulary_destroy(restored);
}

static void words_are_ordered_by_count_then_bytes(void **state)
{
    (void)state;
    const struct token_rules words = {.tokenizer = tokenizer_find("word")};
    const char text[] = "b a ab 剑 a\nab,B \0\0 \0\xCC\x81";
    struct vocabulary *vocabulary = vocabulary_by(&words, text, sizeof text - 1, 1);
    static const char *const expected[] = {"<unk>", " ", "<0x00>", "a", "ab", "<0x00>\xCC\x81",
                                           "\n",    ",", "B",      "b", "剑"};
    enum { EXPECTED = sizeof expected / sizeof expected[0] };
    assert_int_equal(vocabulary_size(vocabulary), EXPECTED);
    for (uint32_t id = 0; id < EXPECTED; id++) {
        assert_string_equal(vocabulary_shown(vocabulary, id), expected[id]);
        assert_int_equal(vocabulary_code_point(vocabulary, id), 0);
    }
    assert_false(vocabulary_has_code_points(vocabulary));
    assert_int_equal(vocabulary_find(vocabulary, "\0\xCC\x81", 3), 5);
    assert_int_equal(vocabulary_find(vocabulary, "剑 ", 4), VOCABULARY_UNKNOWN);
    assert_survives(vocabulary);
    vocabulary_destroy(vocabulary);
}

static void bytes_that_are_no_text_are_spelled_out(void **state)
{
    (void)state;
    const struct token_rules bytes = {.tokenizer = tokenizer_find("byte")};
    struct vocabulary *vocabulary = vocabulary_by(&bytes, "aa\xFF\xFF\xFF\x00\x7F", 7, 1);
    assert_int_equal(vocabulary_size(vocabulary), 5);
    assert_string_equal(vocabulary_shown(vocabulary, 1), "<0xFF>");
    assert_int_equal(vocabulary_code_point(vocabulary, 1), 0xFF);
    assert_string_equal(vocabulary_shown(vocabulary, 2), "a");
    assert_string_equal(vocabulary_shown(vocabulary, 3), "<0x00>");
    assert_string_equal(vocabulary_shown(vocabulary, 4), "\x7F");
    assert_survives(vocabulary);
    vocabulary_destroy(vocabulary);
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    vocabulary = vocabulary_by(&bytes, all, sizeof all, 1);
    assert_int_equal(vocabulary_size(vocabulary), 257);
    assert_survives(vocabulary);
    vocabulary_destroy(vocabulary);
}

static void rare_tokens_are_counted_as_unknown(void **state)
{
    (void)state;
    struct vocabulary *vocabulary = vocabulary_by(chars(), "aaabbcde", 8, 2);
    assert_int_equal(vocabulary_size(vocabulary), 3);
    assert_int_equal(vocabulary_count(vocabulary, VOCABULARY_UNKNOWN), 3);
    assert_int_equal(encoded(vocabulary, "c", 1), VOCABULARY_UNKNOWN);
    assert_survives(vocabulary);
    vocabulary_destroy(vocabulary);
    vocabulary = vocabulary_by(chars(), "abc", 3, 2);
    assert_int_equal(vocabulary_size(vocabulary), 1);
    vocabulary_destroy(vocabulary);
}

/* A prefix is cleaned and cut as the corpus was. */
static void a_text_is_encoded_by_its_rules(void **state)
{
    (void)state;
    const struct token_rules rules = {
        .tokenizer = tokenizer_find("word"), .drop_newlines = true, .lowercase = true};
    struct vocabulary *vocabulary = vocabulary_by(&rules, "To be\n to", 9, 1);
    uint32_t *ids;
    size_t count;
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, "T\r\nO  BE TO!", 12, &error),
                     STATUS_OK);
    /* by count: "to" and " " twice each; "  " is another word */
    static const uint32_t expected[] = {2, VOCABULARY_UNKNOWN, 3, 1, 2, VOCABULARY_UNKNOWN};
    assert_int_equal(count, 6);
    assert_memory_equal(ids, expected, sizeof expected);
    memory_free(ids);
    assert_int_equal(vocabulary_encode_text(vocabulary, &ids, &count, "be \xFF", 4, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "offset 3,"));
    vocabulary_destroy(vocabulary);
}

static void refuses_what_is_no_word_and_no_byte(void **state)
{
    (void)state;
    const struct token_rules words = {.tokenizer = tokenizer_find("word")};
    const struct token_rules bytes = {.tokenizer = tokenizer_find("byte")};
    static const struct {
        const char *text;
        const char *why;
    } bad_words[] = {{"", "is no word"}, {"\xFF", "is no word"}, {"good", "occurs twice"}},
      bad_bytes[] = {{"", "is not one byte"},
                     {"ab", "is not one byte"},
                     {"我", "is not one byte"},
                     {"<0x61>", "occurs twice"}};
    struct vocabulary *vocabulary;
    for (size_t i = 0; i < sizeof bad_words / sizeof bad_words[0]; i++) {
        const char *texts[] = {"<unk>", "good", bad_words[i].text};
        assert_int_equal(vocabulary_restore(&vocabulary, &words, texts, NULL, NULL, 3, &error),
                         STATUS_FAILED);
        assert_non_null(strstr(error.why, bad_words[i].why));
    }
    for (size_t i = 0; i < sizeof bad_bytes / sizeof bad_bytes[0]; i++) {
        const char *texts[] = {"<unk>", "a", bad_bytes[i].text};
        assert_int_equal(vocabulary_restore(&vocabulary, &bytes, texts, NULL, NULL, 3, &error),
                         STATUS_FAILED);
        assert_non_null(strstr(error.why, bad_bytes[i].why));
    }
}

static void digests_tell_vocabularies_apart(void **state)
{
    (void)state;
    static const char *const texts[] = {"aab", "aabb", "abb", "aac", "aabc", "a", ""};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    uint64_t digests[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) {
        struct vocabulary *vocabulary = vocabulary_of(texts[i], strlen(texts[i]));
        digests[i] = vocabulary_digest(vocabulary);
        vocabulary_destroy(vocabulary);
    }
    assert_int_equal(digests[0], digests[1]); /* the counts alone differ */
    for (size_t i = 1; i < TEXTS; i++) {
        for (size_t k = i + 1; k < TEXTS; k++)
            assert_int_not_equal(digests[i], digests[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_by_count_then_code_point),
        cmocka_unit_test(finds_tokens),
        cmocka_unit_test(the_zero_character_is_a_token_like_others),
        cmocka_unit_test(counts_of_ranks_add_up),
        cmocka_unit_test(restores_what_was_stored),
        cmocka_unit_test(the_first_is_unknown_whatever_its_text),
        cmocka_unit_test(refuses_what_is_no_character),
        cmocka_unit_test(refuses_contradictions),
        cmocka_unit_test(encodes_a_text),
        cmocka_unit_test(words_are_ordered_by_count_then_bytes),
        cmocka_unit_test(bytes_that_are_no_text_are_spelled_out),
        cmocka_unit_test(rare_tokens_are_counted_as_unknown),
        cmocka_unit_test(a_text_is_encoded_by_its_rules),
        cmocka_unit_test(refuses_what_is_no_word_and_no_byte),
        cmocka_unit_test(digests_tell_vocabularies_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
