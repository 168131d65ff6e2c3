#include "lstm_mpi/config/suggestion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *typed)
{
    static const char *const words[] = {"lr", "seed", "keep", "batch-size", "num-steps", "checkpoint"};
    struct suggestion suggestion = suggestion_begin(typed);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        suggestion_consider(&suggestion, words[i]);
    return suggestion.word;
}

static void near_words(void **state)
{
    (void)state;
    assert_string_equal(nearest("batchsize"), "batch-size");
    assert_string_equal(nearest("batch-sise"), "batch-size");
    assert_string_equal(nearest("bacth-size"), "batch-size");
    assert_string_equal(nearest("batch-sizes2"), "batch-size");
    assert_string_equal(nearest("seeds"), "seed");
    assert_string_equal(nearest("lf"), "lr");
    assert_string_equal(nearest("keep"), "keep");
}

static void words_that_are_far(void **state)
{
    (void)state;
    char word[1000];
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    assert_null(nearest("batch"));
    assert_null(nearest("ab"));
    assert_null(nearest("zebra"));
    assert_null(nearest(word));
    assert_null(nearest(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(near_words), cmocka_unit_test(words_that_are_far)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
