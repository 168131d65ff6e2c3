#include "exchange_metadata.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/store/json_text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char vocabulary_key[] = "vocabulary";
static const char code_points_key[] = "code_points";
static const char counts_key[] = "counts";
static const char config_key[] = "config";

/* Writing. Jansson passes a failure on: adding NULL fails. */

/* A number as a number, a flag as a boolean, all else as the text that --config takes. */
static json_t *setting_value(const struct settings_saved *saved)
{
    const struct settings_row *row = settings_find(saved->name);
    char *end = NULL;
    errno = 0;
    if (row && row->kind == SETTINGS_FLAG)
        return json_boolean(strcmp(saved->text, "true") == 0 || strcmp(saved->text, "1") == 0);
    if (row && (row->kind == SETTINGS_WHOLE || row->kind == SETTINGS_WHOLE_OR_RANDOM)) {
        long long value = strtoll(saved->text, &end, 10);
        if (end > saved->text && *end == '\0' && errno == 0)
            return json_integer(value);
    }
    if (row && row->kind == SETTINGS_REAL) {
        double value = strtod(saved->text, &end);
        if (end > saved->text && *end == '\0')
            return json_real(value);
    }
    return json_text(saved->text);
}

/* Adds JSON as a text. Takes `value`. */
static bool put_text(json_t *metadata, const char *key, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    bool failed = !text || json_object_set_new(metadata, key, json_string(text)) != 0;
    free(text);
    json_decref(value);
    return !failed;
}

static json_t *config_value(const struct checkpoint *checkpoint)
{
    json_t *config = json_object();
    bool failed = false;
    for (size_t i = 0; i < checkpoint->saved_count; i++)
        failed |=
            json_object_set_new(config, checkpoint->saved[i].name, setting_value(&checkpoint->saved[i])) != 0;
    if (!failed)
        return config;
    json_decref(config);
    return NULL;
}

typedef json_t *token_value(const struct vocabulary *vocabulary, uint32_t id);

static json_t *token_text(const struct vocabulary *vocabulary, uint32_t id)
{
    return json_string(vocabulary_shown(vocabulary, id));
}

static json_t *token_code_point(const struct vocabulary *vocabulary, uint32_t id)
{
    return json_integer(vocabulary_code_point(vocabulary, id));
}

static json_t *token_count(const struct vocabulary *vocabulary, uint32_t id)
{
    return json_integer((json_int_t)vocabulary_count(vocabulary, id));
}

static json_t *list_of_tokens(const struct vocabulary *vocabulary, token_value *value)
{
    json_t *list = json_array();
    bool failed = false;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        failed |= json_array_append_new(list, value(vocabulary, id)) != 0;
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

struct json_t *exchange_metadata_make(const struct checkpoint *checkpoint,
                                      const struct vocabulary *vocabulary)
{
    json_t *metadata = json_object();
    /* "pt" is what other programs look for: the tensors are laid out as PyTorch has them. */
    if (json_object_set_new(metadata, "format", json_string("pt")) == 0 &&
        json_object_set_new(metadata, "lstm_mpi", json_string(LSTM_MPI_VERSION)) == 0 &&
        put_text(metadata, vocabulary_key, list_of_tokens(vocabulary, token_text)) &&
        (!vocabulary_has_code_points(vocabulary) ||
         put_text(metadata, code_points_key, list_of_tokens(vocabulary, token_code_point))) &&
        put_text(metadata, counts_key, list_of_tokens(vocabulary, token_count)) &&
        put_text(metadata, config_key, config_value(checkpoint)))
        return metadata;
    json_decref(metadata);
    return NULL;
}

/* Reading */

static enum status bad(const char *path, const char *key, const char *why, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot read %s", path);
    error_why(error, "%s in its metadata %s", key, why);
    return error_remedy(error, "write it as lstm_mpi export does");
}

/* `*out` is NULL where the file has no such key; else the caller's. */
static enum status read_json(json_t **out, const struct safetensors_header *header, const char *key,
                             size_t flags, const char *path, struct error *error)
{
    const char *text = safetensors_header_metadata(header, key);
    *out = NULL;
    if (!text)
        return STATUS_OK;
    json_error_t reason;
    *out = json_loads(text, JSON_REJECT_DUPLICATES | flags, &reason);
    return *out ? STATUS_OK : bad(path, key, "is no good JSON", error);
}

static enum status give_setting(struct settings *settings, const char *name, const json_t *value,
                                const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    char number[64];
    char origin[ERROR_TEXT_BYTES];
    const char *text = number;
    const struct settings_row *row = settings_find(name);
    if (!row || row->on_resume == SETTINGS_NOT_STORED)
        return STATUS_OK;
    if (json_is_string(value))
        text = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        text = json_is_true(value) ? "true" : "false";
    else
        return bad(path, config_key, "has a setting that is neither text, number nor true or false", error);
    snprintf(origin, sizeof origin, "%s, %s in its metadata", path, row->name);
    status = settings_text_set(settings, row, text, origin, error);
    if (status == STATUS_USAGE)
        error->status = status = STATUS_FAILED;
    settings->given[row - settings_table] = true;
    return status;
}

enum status exchange_metadata_settings(struct settings *settings, const struct safetensors_header *header,
                                       const char *path, struct error *error)
{
    enum status status;
    json_t *config;
    const char *name;
    json_t *value;
    TRY(read_json(&config, header, config_key, 0, path, error));
    if (config && !json_is_object(config))
        TRY(bad(path, config_key, "is no object", error));
    json_object_foreach(config, name, value)
    {
        TRY(give_setting(settings, name, value, path, error));
    }
done:
    json_decref(config);
    return status;
}

/* A list of whole numbers below `limit`, one for each token; into `*numbers`, or NULL where there is none. */
static enum status read_numbers(uint64_t **numbers, size_t count, uint64_t limit,
                                const struct safetensors_header *header, const char *key, const char *path,
                                struct error *error)
{
    enum status status;
    json_t *list;
    *numbers = NULL;
    TRY(read_json(&list, header, key, 0, path, error));
    if (!list)
        goto done;
    if (json_array_size(list) != count)
        TRY(bad(path, key, "is no list with a number for each token", error));
    TRY(memory_new(numbers, count, error));
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(list, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0 ||
            (uint64_t)json_integer_value(number) >= limit)
            TRY(bad(path, key, "has something that is no such number", error));
        (*numbers)[i] = (uint64_t)json_integer_value(number);
    }
done:
    json_decref(list);
    return status;
}

/* In a token of the list, as vocabulary_shown does. */
static enum status spell_zero_bytes(json_t *list, size_t id, struct error *error)
{
    static const char zero[] = "<0x00>";
    enum status status;
    const json_t *token = json_array_get(list, id);
    const char *text = json_string_value(token);
    size_t bytes = json_string_length(token);
    char *spelled = NULL;
    size_t used = 0;
    TRY(memory_new(&spelled, bytes * (sizeof zero - 1), error));
    for (size_t i = 0; i < bytes; i++) {
        size_t length = text[i] ? 1 : sizeof zero - 1;
        memcpy(spelled + used, text[i] ? &text[i] : zero, length);
        used += length;
    }
    if (json_array_set_new(list, id, json_stringn(spelled, used)) != 0) {
        status = error_set(error, STATUS_FAILED, "out of memory");
        error->short_of_memory = true;
    }
done:
    memory_free(spelled);
    return status;
}

/* Views of the texts in the list. */
static enum status read_texts(const char ***texts, json_t *list, const char *path, struct error *error)
{
    enum status status;
    size_t count = json_array_size(list);
    *texts = NULL;
    if (count == 0 || count > UINT32_MAX)
        return bad(path, vocabulary_key, "is no list of tokens", error);
    TRY(memory_new(texts, count, error));
    for (size_t i = 0; i < count; i++) {
        const json_t *token = json_array_get(list, i);
        if (!json_is_string(token))
            TRY(bad(path, vocabulary_key, "has something that is no text", error));
        if (memchr(json_string_value(token), '\0', json_string_length(token)))
            TRY(spell_zero_bytes(list, i, error));
        (*texts)[i] = json_string_value(json_array_get(list, i));
    }
done:
    return status;
}

enum status exchange_metadata_vocabulary(struct vocabulary **out, const struct safetensors_header *header,
                                         const struct token_rules *rules, const char *path,
                                         struct error *error)
{
    enum status status;
    json_t *list;
    const char **texts = NULL;
    uint64_t *code_points = NULL;
    uint32_t *narrow = NULL;
    uint64_t *counts = NULL;
    struct error reason;
    *out = NULL;
    TRY(read_json(&list, header, vocabulary_key, JSON_ALLOW_NUL, path, error));
    if (!list)
        goto done;
    TRY(read_texts(&texts, list, path, error));
    size_t size = json_array_size(list);
    TRY(read_numbers(&code_points, size, (uint64_t)UINT32_MAX + 1, header, code_points_key, path, error));
    TRY(read_numbers(&counts, size, UINT64_MAX, header, counts_key, path, error));
    if (code_points) {
        TRY(memory_new(&narrow, size, error));
        for (size_t i = 0; i < size; i++)
            narrow[i] = (uint32_t)code_points[i];
    }
    if (vocabulary_restore(out, rules, texts, narrow, counts, size, &reason) != STATUS_OK) {
        error_set(error, STATUS_FAILED, "cannot read %s", path);
        error_why(error, "%s%s%s", reason.what, reason.why[0] ? ": " : "", reason.why);
        status = error_remedy(error, "write it as lstm_mpi export does; tokens that are words need the "
                                     "config {\"token\": \"word\"} beside it");
    }
done:
    json_decref(list);
    memory_free(texts);
    memory_free(code_points);
    memory_free(narrow);
    memory_free(counts);
    return status;
}
