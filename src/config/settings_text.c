#include "lstm_mpi/config/settings_text.h"

#include "lstm_mpi/base/memory.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_BYTES = 32 };

static void write_choices(char *out, size_t bytes, const struct settings_row *row)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *const *choice = row->choices; *choice && used < bytes; choice++) {
        const char *join = choice == row->choices ? "" : choice[1] ? ", " : " or ";
        int length = snprintf(out + used, bytes - used, "%s%s", join, *choice);
        used += length > 0 ? (size_t)length : 0;
    }
}

static const char *or_random(const struct settings_row *row)
{
    return row->kind == SETTINGS_WHOLE_OR_RANDOM ? ", or random" : "";
}

static enum status ask_for_whole_up_to(const struct settings_row *row, struct error *error)
{
    return error_remedy(error, "give a whole number from %" PRIu64 " to %" PRIu64 "%s", row->least, row->most,
                        or_random(row));
}

/* A limit that is there for the sake of the computer is told only to who goes beyond it. */
static enum status ask_for_whole(const struct settings_row *row, struct error *error)
{
    if (row->most != INT64_MAX)
        return ask_for_whole_up_to(row, error);
    return error_remedy(error, "give a whole number of at least %" PRIu64 "%s", row->least, or_random(row));
}

static enum status ask_for_real(const struct settings_row *row, struct error *error)
{
    const char *above = row->lowest_excluded ? "above" : "of at least";
    if (row->below > 0)
        return error_remedy(error, "give a number %s %g and below %g", above, row->lowest, row->below);
    return error_remedy(error, "give a number %s %g", above, row->lowest);
}

static enum status ask_for_value(const struct settings_row *row, struct error *error)
{
    char choices[ERROR_TEXT_BYTES / 2];
    switch (row->kind) {
    case SETTINGS_WHOLE:
    case SETTINGS_WHOLE_OR_RANDOM:
        return ask_for_whole(row, error);
    case SETTINGS_REAL:
        return ask_for_real(row, error);
    case SETTINGS_FLAG:
        return error_remedy(error, "give true or false");
    case SETTINGS_CHOICE:
        write_choices(choices, sizeof choices, row);
        return error_remedy(error, "give %s", choices);
    case SETTINGS_TEXT:
    case SETTINGS_TEXTS:
        break;
    }
    return error_remedy(error, "give %s, or leave the option out",
                        row->argument && strcmp(row->argument, "TEXT") == 0 ? "a text" : "a path");
}

static enum status refuse(const struct settings_row *row, const char *text, const char *is,
                          const char *origin, struct error *error)
{
    error_set(error, STATUS_USAGE, "%s", origin);
    if (text[0] == '\0') {
        error_why(error, "its value is empty");
    } else {
        error_why(error, "'%s' is %s", text, is);
    }
    return ask_for_value(row, error);
}

static enum status read_whole(uint64_t *out, const struct settings_row *row, const char *text,
                              const char *origin, struct error *error)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return refuse(row, text, "not a whole number", origin, error);
    errno = 0;
    uint64_t value = strtoull(digits, NULL, 10);
    bool negative = text[0] == '-' && value > 0;
    bool too_large = !negative && (errno != 0 || value > row->most);
    if (negative || value < row->least)
        return refuse(row, text, "out of range", origin, error);
    if (too_large) {
        refuse(row, text, "out of range", origin, error);
        return ask_for_whole_up_to(row, error);
    }
    *out = value;
    return STATUS_OK;
}

static enum status read_whole_or_random(int64_t *out, const struct settings_row *row, const char *text,
                                        const char *origin, struct error *error)
{
    if (strcmp(text, "random") == 0) {
        *out = START_OFFSET_RANDOM;
        return STATUS_OK;
    }
    uint64_t value = 0;
    enum status status = read_whole(&value, row, text, origin, error);
    if (status == STATUS_OK)
        *out = (int64_t)value;
    return status;
}

/* Decimal notation only: strtod alone would take "0x1p3", "nan" and " 1" too. */
static enum status read_real(double *out, const struct settings_row *row, const char *text,
                             const char *origin, struct error *error)
{
    char *end;
    double value = strtod(text, &end);
    if (text[0] == '\0' || *end != '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return refuse(row, text, "not a number", origin, error);
    bool too_low = value < row->lowest || (row->lowest_excluded && value == row->lowest);
    bool too_high = row->below > 0 && value >= row->below;
    if (value == INFINITY && row->below == 0) {
        refuse(row, text, "out of range", origin, error);
        return error_remedy(error, "give a number %s %g and up to %g",
                            row->lowest_excluded ? "above" : "of at least", row->lowest, DBL_MAX);
    }
    if (!isfinite(value) || too_low || too_high)
        return refuse(row, text, "out of range", origin, error);
    *out = value;
    return STATUS_OK;
}

static enum status read_flag(bool *out, const struct settings_row *row, const char *text, const char *origin,
                             struct error *error)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out = i % 2 == 1;
            return STATUS_OK;
        }
    }
    return refuse(row, text, "neither true nor false", origin, error);
}

static enum status read_choice(int *out, const struct settings_row *row, const char *text, const char *origin,
                               struct error *error)
{
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            *out = i;
            return STATUS_OK;
        }
    }
    return refuse(row, text, "not one of the choices", origin, error);
}

static enum status replace_text(char **value, const char *text, struct error *error)
{
    char *copy = NULL;
    if (text[0] != '\0') {
        enum status status = memory_copy_text(&copy, text, error);
        if (status != STATUS_OK)
            return status;
    }
    memory_free(*value);
    *value = copy;
    return STATUS_OK;
}

static void clear_texts(struct text_list *list)
{
    while (list->count > 0)
        memory_free(list->items[--list->count]);
}

static enum status append_text(struct text_list *list, const char *text, struct error *error)
{
    enum status status = STATUS_OK;
    TRY(memory_grow(&list->items, &list->capacity, list->count + 1, error));
    TRY(memory_copy_text(&list->items[list->count], text, error));
    list->count++;
done:
    return status;
}

/* Takes the first item off `*text`, which is then at the next one, or NULL; its escapes are undone in place.
 */
static char *next_item(char **text)
{
    char *item = *text;
    char *to = item;
    char *from = item;
    for (; *from != '\0' && *from != '\n'; from++) {
        bool escaped = *from == '\\' && from[1] != '\0' && from[1] != '\n';
        if (escaped)
            from++;
        *to++ = (char)(escaped && *from == 'n' ? '\n' : *from);
    }
    *text = *from == '\n' ? from + 1 : NULL;
    *to = '\0';
    return item;
}

static enum status replace_texts(struct text_list *list, const char *text, struct error *error)
{
    enum status status = STATUS_OK;
    struct text_list fresh = {0};
    char *copy = NULL;
    TRY(memory_copy_text(&copy, text, error));
    for (char *rest = text[0] == '\0' ? NULL : copy; rest;)
        TRY(append_text(&fresh, next_item(&rest), error));
    struct text_list old = *list;
    *list = fresh;
    fresh = old;
done:
    clear_texts(&fresh);
    memory_free(fresh.items);
    memory_free(copy);
    return status;
}

enum status settings_text_set(struct settings *settings, const struct settings_row *row, const char *text,
                              const char *origin, struct error *error)
{
    void *value = (char *)settings + row->offset;
    switch (row->kind) {
    case SETTINGS_WHOLE:
        return read_whole(value, row, text, origin, error);
    case SETTINGS_WHOLE_OR_RANDOM:
        return read_whole_or_random(value, row, text, origin, error);
    case SETTINGS_REAL:
        return read_real(value, row, text, origin, error);
    case SETTINGS_FLAG:
        return read_flag(value, row, text, origin, error);
    case SETTINGS_CHOICE:
        return read_choice(value, row, text, origin, error);
    case SETTINGS_TEXTS:
        return replace_texts(value, text, error);
    case SETTINGS_TEXT:
        break;
    }
    return replace_text(value, text, error);
}

enum status settings_text_give(struct settings *settings, const struct settings_row *row, const char *text,
                               const char *origin, struct error *error)
{
    enum status status = STATUS_OK;
    bool *given = &settings->given[row - settings_table];
    if (text[0] == '\0')
        return refuse(row, text, "empty", origin, error);
    if (row->kind == SETTINGS_TEXTS) {
        struct text_list *list = (void *)((char *)settings + row->offset);
        if (!*given)
            clear_texts(list);
        TRY(append_text(list, text, error));
    } else {
        TRY(settings_text_set(settings, row, text, origin, error));
    }
    *given = true;
done:
    return status;
}

static void write_real(char text[NUMBER_BYTES], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static enum status join_texts(char **out, const struct text_list *list, struct error *error)
{
    size_t bytes = 1;
    for (size_t i = 0; i < list->count; i++)
        bytes += 2 * strlen(list->items[i]) + 1;
    enum status status = memory_new(out, bytes, error);
    if (status != STATUS_OK)
        return status;
    char *to = *out;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            *to++ = '\n';
        for (const char *from = list->items[i]; *from; from++) {
            if (*from == '\\' || *from == '\n')
                *to++ = '\\';
            *to++ = (char)(*from == '\n' ? 'n' : *from);
        }
    }
    *to = '\0';
    return STATUS_OK;
}

enum status settings_text_get(char **out, const struct settings *settings, const struct settings_row *row,
                              struct error *error)
{
    const void *value = settings_value(settings, row);
    char number[NUMBER_BYTES];
    const char *text = number;
    switch (row->kind) {
    case SETTINGS_WHOLE:
        snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)value);
        break;
    case SETTINGS_WHOLE_OR_RANDOM:
        if (*(const int64_t *)value == START_OFFSET_RANDOM) {
            text = "random";
        } else {
            snprintf(number, sizeof number, "%" PRId64, *(const int64_t *)value);
        }
        break;
    case SETTINGS_REAL:
        write_real(number, *(const double *)value);
        break;
    case SETTINGS_FLAG:
        text = *(const bool *)value ? "true" : "false";
        break;
    case SETTINGS_CHOICE:
        text = row->choices[*(const int *)value];
        break;
    case SETTINGS_TEXT:
        text = *(char *const *)value ? *(char *const *)value : "";
        break;
    case SETTINGS_TEXTS:
        return join_texts(out, value, error);
    }
    return memory_copy_text(out, text, error);
}
