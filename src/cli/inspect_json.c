#include "inspect_json.h"

#include "lstm_mpi/store/json_text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Jansson passes a failure on: what cannot be made is NULL, and adding NULL to an object or an array fails.
 * So every value that is added is checked by one flag, and a value that is NULL cannot get lost. */
struct builder {
    bool failed;
};

static void put(struct builder *builder, json_t *object, const char *key, json_t *value)
{
    builder->failed |= json_object_set_new(object, key, value) != 0;
}

static void append(struct builder *builder, json_t *array, json_t *value)
{
    builder->failed |= json_array_append_new(array, value) != 0;
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *whole(uint64_t value)
{
    char text[32];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return json_string(text);
}

static json_t *text(const char *bytes)
{
    return bytes ? json_text(bytes) : json_null();
}

static json_t *file_value(struct builder *builder, const struct inspected_file *file)
{
    if (!file->path)
        return json_null();
    json_t *object = json_object();
    put(builder, object, "path", text(file->path));
    put(builder, object, "bytes", whole(file->facts.bytes));
    put(builder, object, "format_version", whole(file->facts.format_version));
    put(builder, object, "program_version", text(file->facts.program_version));
    put(builder, object, "created", text(file->facts.created));
    return object;
}

static json_t *list_value(struct builder *builder, const struct text_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        append(builder, array, text(list->items[i]));
    return array;
}

static json_t *setting_value(struct builder *builder, const struct inspection *inspection,
                             const struct inspected_setting *setting)
{
    if (!setting->row)
        return text(setting->text);
    const void *value = settings_value(&inspection->values, setting->row);
    switch (setting->row->kind) {
    case SETTINGS_WHOLE:
        return whole(*(const uint64_t *)value);
    case SETTINGS_WHOLE_OR_RANDOM:
        if (*(const int64_t *)value == START_OFFSET_RANDOM)
            return json_string("random");
        return json_integer(*(const int64_t *)value);
    case SETTINGS_REAL:
        return real(*(const double *)value);
    case SETTINGS_TEXT:
        return text(*(char *const *)value);
    case SETTINGS_TEXTS:
        return list_value(builder, value);
    case SETTINGS_FLAG:
        return json_boolean(*(const bool *)value);
    case SETTINGS_CHOICE:
        break;
    }
    return json_string(setting->row->choices[*(const int *)value]);
}

static json_t *config_value(struct builder *builder, const struct inspection *inspection)
{
    if (inspection->setting_count == 0)
        return json_null();
    json_t *object = json_object();
    for (size_t i = 0; i < inspection->setting_count; i++) {
        const struct inspected_setting *setting = &inspection->settings[i];
        put(builder, object, setting->name, setting_value(builder, inspection, setting));
    }
    char digest[32];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)inspection->checkpoint->corpus_digest);
    put(builder, object, "corpus_digest",
        inspection->checkpoint->corpus_digest != 0 ? json_string(digest) : json_null());
    return object;
}

static json_t *shape_value(struct builder *builder, const struct tensor *tensor)
{
    if (!tensor)
        return json_null();
    json_t *shape = json_array();
    for (size_t d = 0; d < tensor->dim_count; d++)
        append(builder, shape, whole(tensor->dims[d]));
    return shape;
}

static json_t *tensor_value(struct builder *builder, const struct tensor *tensor)
{
    json_t *object = json_object();
    put(builder, object, "path", text(tensor->path));
    put(builder, object, "shape", shape_value(builder, tensor));
    put(builder, object, "parameters", whole(tensor_elements(tensor)));
    put(builder, object, "bytes", whole(tensor_elements(tensor) * sizeof(float)));
    return object;
}

static json_t *tensors_value(struct builder *builder, const struct checkpoint *checkpoint)
{
    json_t *array = json_array();
    for (size_t t = 0; t < checkpoint->tensor_count; t++)
        append(builder, array, tensor_value(builder, &checkpoint->tensors[t]));
    return array;
}

static json_t *vocabulary_value(struct builder *builder, const struct vocabulary *vocabulary)
{
    json_t *array = json_array();
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++) {
        json_t *object = json_object();
        put(builder, object, "id", whole(id));
        put(builder, object, "token", text(vocabulary_shown(vocabulary, id)));
        put(builder, object, "code_point",
            vocabulary_has_code_points(vocabulary) ? whole(vocabulary_code_point(vocabulary, id))
                                                   : json_null());
        put(builder, object, "count", whole(vocabulary_count(vocabulary, id)));
        append(builder, array, object);
    }
    return array;
}

static json_t *progress_value(struct builder *builder, const struct progress *progress)
{
    json_t *object = json_object();
    for (size_t i = 0; i < progress_field_count; i++) {
        const struct progress_field *field = &progress_fields[i];
        const void *value = (const char *)progress + field->offset;
        put(builder, object, field->name,
            field->type == PROGRESS_UINT64 ? whole(*(const uint64_t *)value) : real(*(const double *)value));
    }
    return object;
}

static json_t *column_value(struct builder *builder, const struct history *history,
                            const struct history_column *column)
{
    json_t *array = json_array();
    for (size_t e = 0; e < history->count; e++) {
        const void *value = (const char *)&history->records[e] + column->offset;
        append(builder, array,
               column->type == HISTORY_INT64 ? json_integer(*(const int64_t *)value)
                                             : real(*(const double *)value));
    }
    return array;
}

/* One list of all ranks for each epoch; `offset` says which of the times. */
static json_t *rank_times_value(struct builder *builder, const struct history *history, size_t offset)
{
    json_t *epochs = json_array();
    for (size_t e = 0; e < history->count; e++) {
        json_t *ranks = json_array();
        for (size_t r = 0; r < history->ranks; r++) {
            const char *times = (const char *)&history->times[e * history->ranks + r];
            append(builder, ranks, real(*(const double *)(const void *)(times + offset)));
        }
        append(builder, epochs, ranks);
    }
    return epochs;
}

static json_t *metrics_value(struct builder *builder, const struct history *history)
{
    json_t *object = json_object();
    for (size_t c = 0; c < history_column_count; c++)
        put(builder, object, history_columns[c].name, column_value(builder, history, &history_columns[c]));
    put(builder, object, "rank_compute_seconds",
        rank_times_value(builder, history, offsetof(struct rank_times, compute_seconds)));
    put(builder, object, "rank_wait_seconds",
        rank_times_value(builder, history, offsetof(struct rank_times, wait_seconds)));
    return object;
}

static void put_checkpoint(struct builder *builder, json_t *root, const struct inspection *inspection,
                           bool with_vocabulary)
{
    const struct checkpoint *checkpoint = inspection->checkpoint;
    uint64_t parameters = inspection_elements(inspection, "/model/");
    put(builder, root, "config", config_value(builder, inspection));
    put(builder, root, "parameters", whole(parameters));
    put(builder, root, "parameter_bytes", whole(parameters * sizeof(float)));
    put(builder, root, "tensors", tensors_value(builder, checkpoint));
    put(builder, root, "vocabulary_size", whole(vocabulary_size(inspection->vocabulary)));
    if (with_vocabulary)
        put(builder, root, "vocabulary", vocabulary_value(builder, inspection->vocabulary));
    put(builder, root, "progress",
        inspection->checkpoint_file.facts.has_progress ? progress_value(builder, &checkpoint->progress)
                                                       : json_null());
}

enum status inspect_json(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                         struct error *error)
{
    struct builder builder = {false};
    json_t *root = json_object();
    put(&builder, root, "path", text(inspection->path));
    put(&builder, root, "checkpoint", file_value(&builder, &inspection->checkpoint_file));
    put(&builder, root, "metrics_file", file_value(&builder, &inspection->metrics_file));
    if (inspection->checkpoint)
        put_checkpoint(&builder, root, inspection, with_vocabulary);
    put(&builder, root, "metrics", metrics_value(&builder, inspection->history));
    if (!builder.failed)
        builder.failed = json_dumpf(root, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF;
    json_decref(root);
    return builder.failed ? error_set(error, STATUS_FAILED, "cannot show %s", inspection->path) : STATUS_OK;
}

/* Two checkpoints */

static json_t *both(struct builder *builder, json_t *left, json_t *right)
{
    json_t *pair = json_array();
    append(builder, pair, left);
    append(builder, pair, right);
    return pair;
}

static json_t *differing_settings_value(struct builder *builder, const struct comparison *comparison)
{
    json_t *object = json_object();
    for (size_t i = 0; i < comparison->setting_count; i++) {
        const struct compared_setting *setting = &comparison->settings[i];
        put(builder, object, setting->name, both(builder, text(setting->left), text(setting->right)));
    }
    return object;
}

static json_t *token_list_value(struct builder *builder, const struct vocabulary *vocabulary,
                                const uint32_t *ids, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(builder, array, text(vocabulary_shown(vocabulary, ids[i])));
    return array;
}

static json_t *vocabularies_value(struct builder *builder, const struct comparison *comparison)
{
    const struct vocabulary *left = comparison->left->vocabulary;
    const struct vocabulary *right = comparison->right->vocabulary;
    json_t *object = json_object();
    put(builder, object, "equal", json_boolean(comparison->same_vocabulary));
    put(builder, object, "equal_counts", json_boolean(comparison->same_counts));
    put(builder, object, "size", both(builder, whole(vocabulary_size(left)), whole(vocabulary_size(right))));
    put(builder, object, "left_only",
        token_list_value(builder, left, comparison->left_only, comparison->left_only_count));
    put(builder, object, "right_only",
        token_list_value(builder, right, comparison->right_only, comparison->right_only_count));
    put(builder, object, "other_id", whole(comparison->moved));
    return object;
}

static json_t *compared_tensor_value(struct builder *builder, const struct compared_tensor *tensor)
{
    bool compared = tensor->compared;
    json_t *object = json_object();
    put(builder, object, "path", text(tensor->path));
    put(builder, object, "shape",
        both(builder, shape_value(builder, tensor->left), shape_value(builder, tensor->right)));
    put(builder, object, "equal", json_boolean(compared && tensor->differing == 0));
    put(builder, object, "differing", compared ? whole(tensor->differing) : json_null());
    put(builder, object, "max_difference", compared ? real(tensor->most) : json_null());
    put(builder, object, "max_relative_difference", compared ? real(tensor->most_relative) : json_null());
    put(builder, object, "norm",
        compared ? both(builder, real(tensor->left_norm), real(tensor->right_norm)) : json_null());
    put(builder, object, "difference_norm", compared ? real(tensor->difference_norm) : json_null());
    return object;
}

enum status inspect_json_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                             struct error *error)
{
    (void)with_vocabulary; /* it is there in any case */
    struct builder builder = {false};
    const struct inspection *left = comparison->left;
    const struct inspection *right = comparison->right;
    json_t *root = json_object();
    json_t *tensors = json_array();
    for (size_t t = 0; t < comparison->tensor_count; t++)
        append(&builder, tensors, compared_tensor_value(&builder, &comparison->tensors[t]));
    put(&builder, root, "checkpoint",
        both(&builder, file_value(&builder, &left->checkpoint_file),
             file_value(&builder, &right->checkpoint_file)));
    put(&builder, root, "equal_model", json_boolean(comparison->same_model));
    put(&builder, root, "config", differing_settings_value(&builder, comparison));
    put(&builder, root, "vocabulary", vocabularies_value(&builder, comparison));
    put(&builder, root, "progress",
        both(&builder, progress_value(&builder, &left->checkpoint->progress),
             progress_value(&builder, &right->checkpoint->progress)));
    put(&builder, root, "tensors", tensors);
    if (!builder.failed)
        builder.failed = json_dumpf(root, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF;
    json_decref(root);
    return builder.failed ? error_set(error, STATUS_FAILED, "cannot show the comparison") : STATUS_OK;
}
