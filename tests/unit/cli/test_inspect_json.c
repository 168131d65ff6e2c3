#include "inspect_json.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The object that is printed; json_decref. */
static json_t *printed(const struct inspection *inspection, bool with_vocabulary)
{
    char *text = NULL;
    size_t bytes = 0;
    struct error error;
    json_error_t fault;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(inspect_json(out, inspection, with_vocabulary, &error), STATUS_OK);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(text[bytes - 1], '\n');
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &fault);
    assert_non_null(root);
    free(text);
    return root;
}

static const json_t *element(const json_t *object, const char *key, size_t index)
{
    return json_array_get(json_object_get(object, key), index);
}

static void numbers_that_are_not_finite_are_null(void **state)
{
    (void)state;
    struct error error;
    struct history history = {0};
    struct inspection inspection = {.path = "runs/lstm", .history = &history};
    struct epoch_record record = {7, INFINITY, NAN, 0.1, 10, 0.5};
    struct rank_times one = {0.25, 0.5};
    struct rank_times three[] = {{1, 2}, {3, 4}, {5, 6}};
    assert_int_equal(history_add(&history, &record, &one, 1, &error), STATUS_OK);
    assert_int_equal(history_add(&history, &record, three, 3, &error), STATUS_OK);

    json_t *root = printed(&inspection, false);
    const json_t *metrics = json_object_get(root, "metrics");
    assert_int_equal(json_integer_value(element(metrics, "epoch", 0)), 7);
    assert_true(json_is_null(element(metrics, "perplexity", 0)));
    assert_true(json_is_null(element(metrics, "valid_perplexity", 1)));
    assert_true(json_real_value(element(metrics, "tokens_per_second", 1)) == 0.1);
    const json_t *waits = element(metrics, "rank_wait_seconds", 0);
    assert_int_equal(json_array_size(waits), 3);
    assert_true(json_real_value(json_array_get(waits, 0)) == 0.5);
    assert_true(json_is_null(json_array_get(waits, 2)));
    assert_true(json_real_value(json_array_get(element(metrics, "rank_compute_seconds", 1), 2)) == 5);
    json_decref(root);
    history_free(&history);
}

static void without_a_checkpoint_there_is_nothing_of_one(void **state)
{
    (void)state;
    struct history history = {0};
    struct inspection inspection = {.path = "metrics.h5", .history = &history};
    json_t *root = printed(&inspection, false);
    assert_true(json_is_null(json_object_get(root, "checkpoint")));
    assert_null(json_object_get(root, "tensors"));
    assert_null(json_object_get(root, "config"));
    json_decref(root);
}

static void a_path_of_any_bytes_is_still_json(void **state)
{
    (void)state;
    struct history history = {0};
    struct inspection inspection = {.path = "剑\xff/\xe4\xbd", .history = &history};
    json_t *root = printed(&inspection, false);
    assert_string_equal(json_string_value(json_object_get(root, "path")),
                        "剑\xef\xbf\xbd/\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(root);
}

static struct inspected_setting setting_of(const char *name)
{
    return (struct inspected_setting){settings_find(name), name, ""};
}

static void settings_have_the_types_of_their_values(void **state)
{
    (void)state;
    static const char *const texts[] = {"<unk>", "剑"};
    struct error error;
    struct history history = {0};
    struct checkpoint checkpoint = {.corpus_digest = 0xABC};
    struct inspected_setting settings[] = {setting_of("corpus"),    setting_of("seed"),
                                           setting_of("lr"),        setting_of("resume"),
                                           setting_of("sampling"),  setting_of("start_offset"),
                                           setting_of("init_from"), {NULL, "of_tomorrow", "12"}};
    struct inspection inspection = {.path = "a",
                                    .history = &history,
                                    .checkpoint = &checkpoint,
                                    .settings = settings,
                                    .setting_count = sizeof settings / sizeof *settings};
    assert_int_equal(settings_defaults(&inspection.values, SETTINGS_TRAIN, &error), STATUS_OK);
    inspection.values.seed = UINT64_MAX;
    inspection.values.lr = 0.1;
    inspection.values.resume = true;
    assert_int_equal(vocabulary_restore(&inspection.vocabulary,
                                        &(const struct token_rules){.tokenizer = tokenizers[0]}, texts, NULL,
                                        NULL, 2, &error),
                     STATUS_OK);

    json_t *root = printed(&inspection, true);
    const json_t *config = json_object_get(root, "config");
    assert_true(json_is_array(json_object_get(config, "corpus")));
    assert_string_equal(json_string_value(json_object_get(config, "seed")), "18446744073709551615");
    assert_true(json_real_value(json_object_get(config, "lr")) == 0.1);
    assert_true(json_is_true(json_object_get(config, "resume")));
    assert_string_equal(json_string_value(json_object_get(config, "sampling")), "sequential");
    assert_string_equal(json_string_value(json_object_get(config, "start_offset")), "random");
    assert_true(json_is_null(json_object_get(config, "init_from")));
    assert_string_equal(json_string_value(json_object_get(config, "of_tomorrow")), "12");
    assert_string_equal(json_string_value(json_object_get(config, "corpus_digest")), "0000000000000abc");
    assert_true(json_is_null(json_object_get(root, "progress")));
    assert_int_equal(json_integer_value(json_object_get(root, "vocabulary_size")), 2);
    assert_int_equal(json_integer_value(json_object_get(element(root, "vocabulary", 1), "code_point")),
                     0x5251);
    json_decref(root);
    vocabulary_destroy(inspection.vocabulary);
    settings_free(&inspection.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_not_finite_are_null),
        cmocka_unit_test(without_a_checkpoint_there_is_nothing_of_one),
        cmocka_unit_test(a_path_of_any_bytes_is_still_json),
        cmocka_unit_test(settings_have_the_types_of_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
