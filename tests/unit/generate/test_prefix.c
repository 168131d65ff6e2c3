#include "lstm_mpi/generate/prefix.h"

#include "lstm_mpi/base/log.h"
#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct error error;
static struct vocabulary *vocabulary;

static int make_vocabulary(void **state)
{
    (void)state;
    static const char *const texts[] = {"<unk>", "a", "b"};
    const struct token_rules rules = {.tokenizer = tokenizers[0]};
    return vocabulary_restore(&vocabulary, &rules, texts, NULL, NULL, 3, &error) == STATUS_OK ? 0 : -1;
}

static int destroy_vocabulary(void **state)
{
    (void)state;
    vocabulary_destroy(vocabulary);
    return 0;
}

static void keep(void *context, const char *line)
{
    snprintf(context, LOG_LINE_BYTES, "%s", line);
}

static void check_prefix(const char *text, const uint32_t *tokens, size_t count, bool known)
{
    struct prefix prefix;
    char line[LOG_LINE_BYTES] = "";
    assert_int_equal(prefix_encode(&prefix, vocabulary, text, strlen(text), &error), STATUS_OK);
    assert_ptr_equal(prefix.text, text);
    assert_int_equal(prefix.bytes, strlen(text));
    assert_int_equal(prefix.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(prefix.tokens[i], tokens[i]);
    assert_true(prefix_is_known(&prefix) == known);
    log_set_sink(keep, line);
    prefix_warn_of_unknown(&prefix, vocabulary);
    log_set_sink(NULL, NULL);
    assert_true((line[0] == '\0') == known);
    if (!known)
        assert_non_null(strstr(line, text));
    prefix_free(&prefix);
    assert_null(prefix.tokens);
}

static void a_text_and_its_tokens(void **state)
{
    (void)state;
    check_prefix("abba", (const uint32_t[]){1, 2, 2, 1}, 4, true);
    check_prefix("a剑b", (const uint32_t[]){1, VOCABULARY_UNKNOWN, 2}, 3, false);
    check_prefix("", NULL, 0, true);
}

static void what_cannot_be_encoded(void **state)
{
    (void)state;
    struct prefix prefix;
    assert_int_equal(prefix_encode(&prefix, vocabulary, "a\xff", 2, &error), STATUS_FAILED);
    assert_null(prefix.tokens);
    failing_allocator_after(0);
    enum status status = prefix_encode(&prefix, vocabulary, "a", 1, &error);
    failing_allocator_after(-1);
    assert_int_equal(status, STATUS_FAILED);
    assert_true(error.short_of_memory);
    prefix_free(&prefix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_and_its_tokens),
        cmocka_unit_test(what_cannot_be_encoded),
    };
    return cmocka_run_group_tests(tests, make_vocabulary, destroy_vocabulary);
}
