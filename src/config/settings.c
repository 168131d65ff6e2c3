#include "lstm_mpi/config/settings.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"

#include <string.h>

/* What is different about a row for this command; NULL: nothing. */
static const struct settings_wording *find_wording(const struct settings_row *row,
                                                   enum settings_command command)
{
    for (size_t i = 0; i < SETTINGS_WORDINGS; i++) {
        if (row->elsewhere[i].command == command)
            return &row->elsewhere[i];
    }
    return NULL;
}

const char *settings_help(const struct settings_row *row, enum settings_command command)
{
    const struct settings_wording *wording = find_wording(row, command);
    return wording && wording->help ? wording->help : row->help;
}

const char *settings_default_shown(const struct settings_row *row, enum settings_command command)
{
    const struct settings_wording *wording = find_wording(row, command);
    return wording && wording->default_shown  ? wording->default_shown
           : wording && wording->default_text ? wording->default_text
           : row->default_shown               ? row->default_shown
           : row->default_text                ? row->default_text
           : row->choices                     ? row->choices[0]
                                              : "";
}

const char *settings_command_name(enum settings_command command)
{
    switch (command) {
    case SETTINGS_TRAIN:
        return "train";
    case SETTINGS_GENERATE:
        return "generate";
    case SETTINGS_INSPECT:
        return "inspect";
    case SETTINGS_EXPORT:
        return "export";
    case SETTINGS_IMPORT:
        return "import";
    case SETTINGS_REPORT:
        return "report";
    case SETTINGS_EVALUATE:
        return "evaluate";
    case SETTINGS_CHECK:
        return "check";
    case SETTINGS_EVERY_COMMAND:
        break;
    }
    return NULL;
}

enum status settings_defaults(struct settings *settings, enum settings_command command, struct error *error)
{
    enum status status = STATUS_OK;
    *settings = (struct settings){0};
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        const struct settings_wording *wording = find_wording(row, command);
        const char *text = wording && wording->default_text ? wording->default_text : row->default_text;
        if (text)
            TRY(settings_text_set(settings, row, text, row->name, error));
    }
done:
    return status;
}

static void free_texts(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_free(list->items[i]);
    memory_free(list->items);
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct settings_row *row = &settings_table[i];
        void *value = (char *)settings + row->offset;
        if (row->kind == SETTINGS_TEXT) {
            memory_free(*(char **)value);
        } else if (row->kind == SETTINGS_TEXTS) {
            free_texts(value);
        }
    }
    *settings = (struct settings){0};
}

const struct settings_row *settings_find(const char *name)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (strcmp(settings_table[i].name, name) == 0 || strcmp(settings_table[i].field, name) == 0)
            return &settings_table[i];
    }
    return NULL;
}

const void *settings_value(const struct settings *settings, const struct settings_row *row)
{
    return (const char *)settings + row->offset;
}

bool settings_given(const struct settings *settings, const char *name)
{
    const struct settings_row *row = settings_find(name);
    return row && settings->given[row - settings_table];
}

static bool equal_texts(const struct text_list *a, const struct text_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

bool settings_equal(const struct settings *a, const struct settings *b, const struct settings_row *row)
{
    const void *left = settings_value(a, row);
    const void *right = settings_value(b, row);
    switch (row->kind) {
    case SETTINGS_WHOLE:
        return *(const uint64_t *)left == *(const uint64_t *)right;
    case SETTINGS_WHOLE_OR_RANDOM:
        return *(const int64_t *)left == *(const int64_t *)right;
    case SETTINGS_REAL:
        return *(const double *)left == *(const double *)right;
    case SETTINGS_FLAG:
        return *(const bool *)left == *(const bool *)right;
    case SETTINGS_CHOICE:
        return *(const int *)left == *(const int *)right;
    case SETTINGS_TEXTS:
        return equal_texts(left, right);
    case SETTINGS_TEXT:
        break;
    }
    const char *left_text = *(char *const *)left;
    const char *right_text = *(char *const *)right;
    return left_text && right_text ? strcmp(left_text, right_text) == 0 : left_text == right_text;
}
