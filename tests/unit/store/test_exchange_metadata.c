#include "exchange_metadata.h"
#include "support/sample_network.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A header whose metadata are these; safetensors_header_free. */
static struct safetensors_header header_of(json_t *metadata)
{
    return (struct safetensors_header){.root = json_pack("{s:o}", "__metadata__", metadata)};
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct error error;
    struct settings settings;
    struct vocabulary *read;
    struct vocabulary *vocabulary = sample_vocabulary(7);
    struct settings_saved saved[] = {
        {"lr", "0.30000000000000004"},  {"seed", "18446744073709551615"}, {"quiet", "1"},
        {"prefix", "你\nthe \\n line"}, {"start_offset", "random"},       {"of_another_version", "7"}};
    const struct checkpoint checkpoint = {.saved = saved, .saved_count = sizeof saved / sizeof *saved};
    struct safetensors_header header = header_of(exchange_metadata_make(&checkpoint, vocabulary));

    assert_int_equal(settings_defaults(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    assert_int_equal(exchange_metadata_settings(&settings, &header, "a", &error), STATUS_OK);
    assert_true(settings.lr == 0.30000000000000004);
    assert_true(settings.seed == UINT64_MAX);
    assert_true(settings.quiet);
    assert_true(settings.start_offset == START_OFFSET_RANDOM);
    assert_int_equal(settings.prefix.count, 2);
    assert_string_equal(settings.prefix.items[1], "the \n line");
    assert_true(settings_given(&settings, "lr"));
    assert_false(settings_given(&settings, "epochs"));

    assert_int_equal(exchange_metadata_vocabulary(&read, &header,
                                                  &(const struct token_rules){.tokenizer = tokenizers[0]},
                                                  "a", &error),
                     STATUS_OK);
    assert_int_equal(vocabulary_digest(read), vocabulary_digest(vocabulary));
    assert_int_equal(vocabulary_code_point(read, 1), 0); /* U+0000 is in the sample, and the commonest */
    vocabulary_destroy(read);
    vocabulary_destroy(vocabulary);
    settings_free(&settings);
    safetensors_header_free(&header);
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct error error;
    struct settings settings = {0};
    struct vocabulary *read;
    struct safetensors_header header = header_of(json_object());
    assert_int_equal(exchange_metadata_settings(&settings, &header, "a", &error), STATUS_OK);
    assert_int_equal(exchange_metadata_vocabulary(&read, &header,
                                                  &(const struct token_rules){.tokenizer = tokenizers[0]},
                                                  "a", &error),
                     STATUS_OK);
    assert_null(read);
    safetensors_header_free(&header);
}

static void test_tokens_alone_are_enough(void **state)
{
    (void)state;
    struct error error;
    struct vocabulary *read;
    struct safetensors_header header =
        header_of(json_pack("{s:s}", "vocabulary", "[\"anything\", \"\\n\", \"<0x00>\", \"一\"]"));
    assert_int_equal(exchange_metadata_vocabulary(&read, &header,
                                                  &(const struct token_rules){.tokenizer = tokenizers[0]},
                                                  "a", &error),
                     STATUS_OK);
    assert_int_equal(vocabulary_size(read), 4);
    assert_int_equal(vocabulary_find(read, "\n", 1), 1);
    assert_int_equal(vocabulary_find(read, "\0", 1), 2);
    assert_int_equal(vocabulary_count(read, 1), 0);
    vocabulary_destroy(read);
    safetensors_header_free(&header);
}

static void test_zero_bytes(void **state)
{
    (void)state;
    struct error error;
    struct vocabulary *read;
    struct settings settings = {0};
    size_t bytes;
    struct safetensors_header header =
        header_of(json_pack("{s:s, s:s}", "vocabulary", "[\"<unk>\", \"\\u0000\", \"a\\u0000\\u0000b\"]",
                            "config", "{\"prefix\": \"a\\u0000b\"}"));
    assert_int_equal(exchange_metadata_vocabulary(&read, &header,
                                                  &(const struct token_rules){.tokenizer = tokenizers[2]},
                                                  "a", &error),
                     STATUS_OK);
    assert_int_equal(vocabulary_find(read, "\0", 1), 1);
    assert_memory_equal(vocabulary_text(read, 2, &bytes), "a\0\0b", 4);
    assert_int_equal(bytes, 4);
    vocabulary_destroy(read);
    assert_int_equal(exchange_metadata_settings(&settings, &header, "a", &error), STATUS_FAILED);
    safetensors_header_free(&header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_tokens_alone_are_enough),
        cmocka_unit_test(test_zero_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
