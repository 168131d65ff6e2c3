#include "lstm_mpi/config/settings.h"

#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/text/batches.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t size_of_kind(enum settings_kind kind)
{
    switch (kind) {
    case SETTINGS_WHOLE:
    case SETTINGS_WHOLE_OR_RANDOM:
        return sizeof(uint64_t);
    case SETTINGS_REAL:
        return sizeof(double);
    case SETTINGS_TEXT:
        return sizeof(char *);
    case SETTINGS_TEXTS:
        return sizeof(struct text_list);
    case SETTINGS_FLAG:
        return sizeof(bool);
    case SETTINGS_CHOICE:
        return sizeof(int);
    }
    fail();
    return 0;
}

static const struct settings_row *row_after(size_t offset)
{
    const struct settings_row *next = NULL;
    for (size_t i = 0; i < settings_count; i++)
        if (settings_table[i].offset >= offset && (!next || settings_table[i].offset < next->offset))
            next = &settings_table[i];
    return next;
}

/* Between the fields of two rows there is room for padding only, so no field lacks a row. (One that hides in
 * padding is found by tests/structure/check_options.py.) */
static void every_field_has_one_row(void **state)
{
    (void)state;
    size_t end = 0;
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = row_after(end);
        assert_non_null(row);
        assert_true(row->offset - end < alignof(max_align_t));
        if (row->offset > end)
            assert_true(row->offset - end < size_of_kind(row->kind));
        end = row->offset + size_of_kind(row->kind);
    }
    assert_null(row_after(end));
    assert_true(offsetof(struct settings, given) - end <= sizeof(uint64_t) - 1);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        assert_int_equal(strlen(row->name), strlen(row->field));
        for (size_t c = 0; row->name[c]; c++)
            assert_int_equal(row->name[c] == '-' ? '_' : row->name[c], row->field[c]);
        assert_non_null(row->group);
        assert_non_null(row->help);
        assert_int_not_equal(row->help[strlen(row->help) - 1], '.');
        for (size_t j = 0; j < SETTINGS_WORDINGS; j++) {
            const struct settings_wording *wording = &row->elsewhere[j];
            assert_int_equal(wording->command & ~row->commands, 0);
            assert_int_equal(!wording->command,
                             !wording->help && !wording->default_text && !wording->default_shown);
        }
        assert_int_not_equal(row->commands, 0);
        assert_int_equal(row->choices != NULL, row->kind == SETTINGS_CHOICE);
        assert_int_equal(row->argument == NULL, row->kind == SETTINGS_CHOICE || row->kind == SETTINGS_FLAG);
        if (row->kind == SETTINGS_WHOLE || row->kind == SETTINGS_WHOLE_OR_RANDOM)
            assert_true(row->least < row->most);
        /* Every option of train is kept with a run, except where the others came from. */
        bool of_train = row->commands & SETTINGS_TRAIN;
        bool stored = row->on_resume != SETTINGS_NOT_STORED;
        assert_int_equal(stored, of_train && strcmp(row->name, "config") != 0);
        if (row->shapes_model)
            assert_int_equal(row->on_resume, SETTINGS_FIXED);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->name, settings_table[j].name);
        assert_ptr_equal(settings_find(row->name), row);
        assert_ptr_equal(settings_find(row->field), row);
    }
    assert_null(settings_find("no-such"));
    assert_null(settings_find(""));
}

static void groups_are_not_torn_apart(void **state)
{
    (void)state;
    for (size_t i = 1; i < settings_count; i++)
        for (size_t j = 0; j + 1 < i; j++)
            if (strcmp(settings_table[i].group, settings_table[j].group) == 0)
                assert_string_equal(settings_table[j + 1].group, settings_table[i].group);
}

/* As the manual promises them. */
static void defaults(void **state)
{
    (void)state;
    struct error error;
    struct settings settings;
    assert_int_equal(settings_defaults(&settings, SETTINGS_TRAIN, &error), STATUS_OK);
    assert_int_equal(settings.corpus.count, 0);
    assert_int_equal(settings.max_tokens, 10000);
    assert_int_equal(settings.batch_size, 32);
    assert_int_equal(settings.num_steps, 35);
    assert_int_equal(settings.hidden_size, 256);
    assert_int_equal(settings.sampling, SAMPLING_SEQUENTIAL);
    assert_int_equal(settings.start_offset, START_OFFSET_RANDOM);
    assert_int_equal(settings.epochs, 1000);
    assert_int_equal(settings.max_updates, 0);
    assert_true(settings.max_minutes == 0);
    assert_true(settings.lr == 1);
    assert_true(settings.clip_norm == 1);
    assert_int_equal(settings.seed, 1);
    assert_int_equal(settings.log_every, 10);
    assert_int_equal(settings.log_every_updates, 0);
    assert_string_equal(settings.run_dir, "runs/lstm");
    assert_int_equal(settings.checkpoint_every, 100);
    assert_true(settings.checkpoint_every_minutes == 10);
    assert_true(settings.stall_timeout == 600);
    assert_int_equal(settings.keep, 2);
    assert_false(settings.resume || settings.overwrite || settings.quiet || settings.vocabulary);
    assert_null(settings.init_from);
    assert_int_equal(settings.prefix.count, 2);
    assert_string_equal(settings.prefix.items[0], "你是");
    assert_string_equal(settings.prefix.items[1], "我有一剑");
    assert_int_equal(settings.predict_length, 30);
    assert_int_equal(settings.progress, SETTINGS_PROGRESS_AUTO);
    assert_int_equal(settings.length, 200);
    assert_true(settings.temperature == 0);
    assert_int_equal(settings.top_k, 0);
    assert_true(settings.top_p == 1);
    assert_int_equal(settings.format, SETTINGS_FORMAT_TEXT);
    for (size_t i = 0; i < SETTINGS_CAPACITY; i++)
        assert_false(settings.given[i]);
    settings_free(&settings);
    settings_free(&settings);
}

static void commands_have_defaults_of_their_own(void **state)
{
    (void)state;
    struct error error;
    struct settings settings;
    assert_int_equal(settings_defaults(&settings, SETTINGS_CHECK, &error), STATUS_OK);
    assert_int_equal(settings.batch_size, 4);
    assert_int_equal(settings.num_steps, 5);
    assert_int_equal(settings.hidden_size, 16);
    assert_string_equal(settings_find("init")->choices[settings.init], "uniform");
    assert_int_equal(settings.num_layers, 1);
    settings_free(&settings);
    assert_int_equal(settings_defaults(&settings, SETTINGS_EVALUATE, &error), STATUS_OK);
    assert_int_equal(settings.max_tokens, 0);
    assert_int_equal(settings.batch_size, 32);
    settings_free(&settings);
}

static void give(struct settings *settings, const char *name, const char *text)
{
    struct error error;
    assert_int_equal(settings_text_give(settings, settings_find(name), text, name, &error), STATUS_OK);
}

static void equality_sees_every_kind(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"batch-size", "7"}, {"start-offset", "7"}, {"lr", "0.5"},          {"resume", "true"},
        {"init-from", "a"},  {"corpus", "a"},       {"sampling", "random"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct error error;
        struct settings a;
        struct settings b;
        const struct settings_row *row = settings_find(values[i][0]);
        assert_int_equal(settings_defaults(&a, SETTINGS_TRAIN, &error), STATUS_OK);
        assert_int_equal(settings_defaults(&b, SETTINGS_TRAIN, &error), STATUS_OK);
        assert_true(settings_equal(&a, &b, row));
        give(&a, values[i][0], values[i][1]);
        assert_false(settings_equal(&a, &b, row));
        assert_false(settings_equal(&b, &a, row));
        give(&b, values[i][0], values[i][1]);
        assert_true(settings_equal(&a, &b, row));
        settings_free(&a);
        settings_free(&b);
    }
}

static void commands_have_names(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < SETTINGS_EVERY_COMMAND; bit <<= 1)
        assert_non_null(settings_command_name((enum settings_command)bit));
    assert_null(settings_command_name(SETTINGS_EVERY_COMMAND));
    assert_string_equal(settings_command_name(SETTINGS_TRAIN), "train");
}

static void commands_have_words_of_their_own(void **state)
{
    (void)state;
    const struct settings_row *row = settings_find("hidden-size");
    assert_string_equal(settings_default_shown(row, SETTINGS_TRAIN), "256");
    assert_string_equal(settings_default_shown(row, SETTINGS_CHECK), "16");
    assert_string_equal(settings_help(row, SETTINGS_CHECK), row->help);
    row = settings_find("overwrite");
    assert_string_equal(settings_help(row, SETTINGS_TRAIN), row->help);
    assert_string_not_equal(settings_help(row, SETTINGS_IMPORT), row->help);
    assert_string_equal(settings_default_shown(row, SETTINGS_IMPORT), "");
    assert_string_equal(settings_default_shown(settings_find("init"), SETTINGS_TRAIN), "normal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_one_row),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(groups_are_not_torn_apart),
        cmocka_unit_test(defaults),
        cmocka_unit_test(commands_have_defaults_of_their_own),
        cmocka_unit_test(equality_sees_every_kind),
        cmocka_unit_test(commands_have_names),
        cmocka_unit_test(commands_have_words_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
