#include "lstm_mpi/text/tokenizer.h"

#include "cutter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

/* Every kind of token is cut from this text; each must give it back without gaps. */
static const char text[] = "A fox, 狐狸, ß, 😀.\n  我有一剑! don't 3.14 e\xCC\x81";

struct found {
    const struct tokenizer_ops *tokenizer;
    size_t position; /* of the next token */
    size_t count;
};

static enum status check_tokens(void *context, const struct portion *portion, struct error *reason)
{
    (void)reason;
    struct found *found = context;
    assert_memory_equal(portion->text, text + found->position, 1);
    for (size_t i = 0; i < portion->count; i++) {
        size_t bytes = portion->tokens[i];
        if (found->tokenizer->code_points > 0) {
            unsigned char spelled[TOKEN_SPELL_BYTES];
            assert_true(portion->tokens[i] < found->tokenizer->code_points);
            bytes = found->tokenizer->spell(spelled, portion->tokens[i]);
            assert_memory_equal(spelled, text + found->position, bytes);
        }
        assert_true(bytes > 0);
        found->position += bytes;
        found->count++;
    }
    return STATUS_OK;
}

static void tokens_lie_without_gaps(void **state)
{
    struct found found = {.tokenizer = tokenizers[*(size_t *)*state]};
    struct cutter cutter = {.rules = {.tokenizer = found.tokenizer}};
    assert_int_equal(
        cutter_cut(&cutter, (const unsigned char *)text, sizeof text - 1, check_tokens, &found, &error),
        STATUS_OK);
    assert_int_equal(found.position, sizeof text - 1);
    cutter_free(&cutter);
}

static enum status refuse(void *context, const struct portion *portion, struct error *reason)
{
    (void)portion;
    ++*(int *)context;
    return error_set(reason, STATUS_FAILED, "enough");
}

static void what_the_sink_returns_ends_it(void **state)
{
    struct cutter cutter = {.rules = {.tokenizer = tokenizers[*(size_t *)*state]}};
    static const unsigned char long_text[5000] = {'a', ' ', 'b', ' '};
    int calls = 0;
    assert_int_equal(cutter_cut(&cutter, long_text, sizeof long_text, refuse, &calls, &error), STATUS_FAILED);
    assert_int_equal(calls, 1);
    assert_string_equal(error.what, "enough");
    cutter_free(&cutter);
}

static void is_found_by_its_name(void **state)
{
    const struct tokenizer_ops *tokenizer = tokenizers[*(size_t *)*state];
    assert_ptr_equal(tokenizer_find(tokenizer->name), tokenizer);
    assert_string_equal(tokenizer_names[*(size_t *)*state], tokenizer->name);
}

static void an_unknown_name_finds_nothing(void **state)
{
    (void)state;
    assert_null(tokenizer_find("syllable"));
    assert_null(tokenizer_find(""));
    assert_string_equal(tokenizers[0]->name, "char");
    assert_null(tokenizer_names[tokenizer_count]);
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < tokenizer_count; i++) {
        size_t row = i;
        const struct CMUnitTest suite[] = {
            cmocka_unit_test_prestate(tokens_lie_without_gaps, &row),
            cmocka_unit_test_prestate(what_the_sink_returns_ends_it, &row),
            cmocka_unit_test_prestate(is_found_by_its_name, &row),
        };
        failed += cmocka_run_group_tests_name(tokenizers[i]->name, suite, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_finds_nothing),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
