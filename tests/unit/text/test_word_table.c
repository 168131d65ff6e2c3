#include "word_table.h"

#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

static struct word_table *created(void)
{
    struct word_table *table;
    assert_int_equal(word_table_create(&table, &error), STATUS_OK);
    return table;
}

static size_t added(struct word_table *table, const char *text, size_t bytes)
{
    size_t index = 12345;
    assert_int_equal(word_table_add(table, text, bytes, &index, &error), STATUS_OK);
    return index;
}

static void words_are_numbered_as_they_come(void **state)
{
    (void)state;
    struct word_table *table = created();
    assert_int_equal(word_table_find(table, "a", 1), WORD_TABLE_NONE);
    assert_int_equal(added(table, "a", 1), 0);
    assert_int_equal(added(table, "a\0b", 3), 1);
    assert_int_equal(added(table, "", 0), 2);
    assert_int_equal(added(table, "a", 1), 0);
    assert_int_equal(added(table, "b", 1), 3);
    assert_int_equal(word_table_find(table, "a\0b", 3), 1);
    assert_int_equal(word_table_find(table, "a\0c", 3), WORD_TABLE_NONE);
    assert_int_equal(word_table_find(table, "", 0), 2);
    size_t bytes;
    assert_memory_equal(word_table_text(table, 1, &bytes), "a\0b", 4); /* with a zero byte behind */
    assert_int_equal(bytes, 3);
    word_table_destroy(table);
}

enum { MANY = 50000 };

/* Texts stay where they are while the table grows. */
static void a_table_grows(void **state)
{
    (void)state;
    struct word_table *table = created();
    const char *texts[100];
    char word[32];
    size_t bytes;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(added(table, word, (size_t)snprintf(word, sizeof word, "word %zu", i)), i);
        if (i < 100)
            texts[i] = word_table_text(table, i, &bytes);
    }
    for (size_t i = 0; i < MANY; i++) {
        bytes = (size_t)snprintf(word, sizeof word, "word %zu", i);
        assert_int_equal(word_table_find(table, word, bytes), i);
        assert_int_equal(word_table_find(table, word, bytes - 1),
                         i < 10 ? WORD_TABLE_NONE : (size_t)(i / 10));
        if (i < 100)
            assert_ptr_equal(word_table_text(table, i, &bytes), texts[i]);
    }
    word_table_destroy(table);
}

static void a_long_word_has_room(void **state)
{
    (void)state;
    static char text[200000];
    struct word_table *table = created();
    size_t bytes;
    memset(text, 'x', sizeof text);
    assert_int_equal(added(table, "short", 5), 0);
    assert_int_equal(added(table, text, sizeof text), 1);
    assert_int_equal(added(table, "other", 5), 2);
    assert_memory_equal(word_table_text(table, 1, &bytes), text, sizeof text);
    assert_int_equal(bytes, sizeof text);
    assert_string_equal(word_table_text(table, 2, &bytes), "other");
    word_table_destroy(table);
}

/* Every part gets its share, and a word always the same one. */
static void parts_are_shared_out(void **state)
{
    (void)state;
    struct word_table *table = created();
    size_t shares[7] = {0};
    char word[32];
    for (size_t i = 0; i < 7000; i++) {
        added(table, word, (size_t)snprintf(word, sizeof word, "%zu", i));
        size_t part = word_table_part(table, i, 7);
        assert_true(part < 7);
        assert_int_equal(word_table_part(table, i, 1), 0);
        shares[part]++;
    }
    for (size_t part = 0; part < 7; part++)
        assert_in_range(shares[part], 850, 1150);
    word_table_destroy(table);
}

static void want_of_memory_leaves_the_table_as_it_was(void **state)
{
    (void)state;
    for (long allocations = 0;; allocations++) {
        char word[32];
        struct word_table *table = NULL;
        size_t words = 0;
        size_t index;
        failing_allocator_after(allocations);
        enum status status = word_table_create(&table, &error);
        while (status == STATUS_OK && words < 3000) {
            size_t bytes = (size_t)snprintf(word, sizeof word, "%zu", words);
            status = word_table_add(table, word, bytes, &index, &error);
            words += status == STATUS_OK;
        }
        bool failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        assert_int_equal(status, failed ? STATUS_FAILED : STATUS_OK);
        for (size_t i = 0; table && i <= words; i++) {
            size_t bytes = (size_t)snprintf(word, sizeof word, "%zu", i);
            assert_int_equal(word_table_find(table, word, bytes), i < words ? i : WORD_TABLE_NONE);
        }
        word_table_destroy(table);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_numbered_as_they_come),
        cmocka_unit_test(a_table_grows),
        cmocka_unit_test(a_long_word_has_room),
        cmocka_unit_test(parts_are_shared_out),
        cmocka_unit_test(want_of_memory_leaves_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
