#include "lstm_mpi/text/token_counts.h"

#include "cutter.h"
#include "lstm_mpi/base/memory.h"
#include "word_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

static void create(struct token_counts *counts, const char *kind)
{
    const struct token_rules rules = {.tokenizer = tokenizer_find(kind)};
    assert_int_equal(token_counts_create(counts, &rules, &error), STATUS_OK);
}

static enum status add_portion(void *context, const struct portion *portion, struct error *reason)
{
    return token_counts_add(context, portion, reason);
}

static void add_text(struct token_counts *counts, const char *text)
{
    struct cutter cutter = {.rules = counts->rules};
    assert_int_equal(
        cutter_cut(&cutter, (const unsigned char *)text, strlen(text), add_portion, counts, &error),
        STATUS_OK);
    cutter_free(&cutter);
}

static uint64_t count_of(const struct token_counts *counts, const char *word)
{
    size_t index = word_table_find(counts->words, word, strlen(word));
    return index == WORD_TABLE_NONE ? 0 : counts->counts[index];
}

static void tokens_are_counted(void **state)
{
    (void)state;
    struct token_counts chars, bytes, words;
    create(&chars, "char");
    create(&bytes, "byte");
    create(&words, "word");
    add_text(&chars, "我a我");
    add_text(&bytes, "我a我");
    add_text(&words, "to be or not to be");
    assert_int_equal(chars.counts[0x6211], 2);
    assert_int_equal(bytes.counts[0xE6], 2);
    assert_int_equal(bytes.length, 256);
    assert_int_equal(words.length, 5);
    assert_int_equal(count_of(&words, "to"), 2);
    assert_int_equal(count_of(&words, " "), 5);
    assert_int_equal(count_of(&words, "not"), 1);
    token_counts_free(&chars);
    token_counts_free(&bytes);
    token_counts_free(&words);
}

static void rare_tokens_become_unknown_ones(void **state)
{
    (void)state;
    struct token_counts counts;
    create(&counts, "word");
    add_text(&counts, "to be or not to be");
    token_counts_drop_rare(&counts, 1);
    assert_int_equal(counts.unknown, 0);
    token_counts_drop_rare(&counts, 2);
    assert_int_equal(counts.unknown, 2);
    assert_int_equal(count_of(&counts, "or"), 0);
    assert_int_equal(count_of(&counts, "to"), 2);
    token_counts_drop_rare(&counts, 3);
    assert_int_equal(counts.unknown, 6);
    assert_int_equal(count_of(&counts, " "), 5);
    token_counts_free(&counts);
}

/* Whatever two ranks have, shared out over some ranks and put together again, is their sum. */
static void packed_words_add_up(void **state)
{
    (void)state;
    static const char *const texts[] = {"to be or not to be, that is", "is it not? 我 我"};
    struct token_counts expected;
    create(&expected, "word");
    for (size_t i = 0; i < 2; i++)
        add_text(&expected, texts[i]);
    expected.counts[0] += 2 * (UINT64_C(1) << 40);
    for (size_t parts = 1; parts <= 5; parts++) {
        struct token_counts sum;
        create(&sum, "word");
        for (size_t i = 0; i < 2; i++) {
            struct token_counts one;
            create(&one, "word");
            add_text(&one, "to"); /* so that it is number 0 */
            add_text(&one, texts[i]);
            one.counts[0] += (UINT64_C(1) << 40) - 1;
            for (size_t part = 0; part < parts; part++) {
                unsigned char *packed;
                size_t bytes;
                assert_int_equal(token_counts_pack(&one, part, parts, &packed, &bytes, &error), STATUS_OK);
                assert_int_equal(token_counts_add_packed(&sum, packed, bytes, &error), STATUS_OK);
                memory_free(packed);
            }
            token_counts_free(&one);
        }
        assert_int_equal(sum.length, expected.length);
        for (size_t i = 0; i < expected.length; i++) {
            size_t bytes;
            assert_true(count_of(&sum, word_table_text(expected.words, i, &bytes)) == expected.counts[i]);
        }
        token_counts_free(&sum);
    }
    token_counts_free(&expected);
}

static void words_that_were_dropped_are_not_packed(void **state)
{
    (void)state;
    struct token_counts counts;
    unsigned char *packed;
    size_t bytes;
    create(&counts, "word");
    add_text(&counts, "to be");
    token_counts_drop_rare(&counts, 2);
    assert_int_equal(token_counts_pack(&counts, 0, 1, &packed, &bytes, &error), STATUS_OK);
    assert_int_equal(bytes, 0);
    memory_free(packed);
    token_counts_free(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_counted),
        cmocka_unit_test(rare_tokens_become_unknown_ones),
        cmocka_unit_test(packed_words_add_up),
        cmocka_unit_test(words_that_were_dropped_are_not_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
