#include "comparison.h"

#include "lstm_mpi/base/memory.h"

#include <math.h>
#include <string.h>

/* Settings of one start say nothing of the run: a directory, or how it was begun. */
static bool counts(const struct settings_saved *saved)
{
    const struct settings_row *row = settings_find(saved->name);
    return !row || row->on_resume != SETTINGS_OF_THIS_START;
}

static enum status compare_settings(struct comparison *comparison, struct error *error)
{
    enum status status;
    const struct checkpoint *left = comparison->left->checkpoint;
    const struct checkpoint *right = comparison->right->checkpoint;
    TRY(memory_new(&comparison->settings, left->saved_count + right->saved_count, error));
    for (size_t i = 0; i < left->saved_count; i++) {
        const struct settings_saved *saved = &left->saved[i];
        const char *other = checkpoint_saved_text(right, saved->name);
        if (counts(saved) && (!other || strcmp(other, saved->text) != 0))
            comparison->settings[comparison->setting_count++] =
                (struct compared_setting){saved->name, saved->text, other};
    }
    for (size_t i = 0; i < right->saved_count; i++) {
        const struct settings_saved *saved = &right->saved[i];
        if (counts(saved) && !checkpoint_saved_text(left, saved->name))
            comparison->settings[comparison->setting_count++] =
                (struct compared_setting){saved->name, NULL, saved->text};
    }
done:
    return status;
}

static bool same_shape(const struct tensor *left, const struct tensor *right)
{
    return left->dim_count == right->dim_count &&
           memcmp(left->dims, right->dims, left->dim_count * sizeof *left->dims) == 0;
}

static bool same_bits(const float *left, const float *right)
{
    uint32_t a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return a == b;
}

/* One pair of numbers. */
static void take_pair(struct compared_tensor *compared, double squares[3], const float *left,
                      const float *right)
{
    double a = (double)*left;
    double b = (double)*right;
    squares[0] += a * a;
    squares[1] += b * b;
    if (same_bits(left, right))
        return;
    compared->differing++;
    double difference = fabs(a - b);
    double size = fmax(fabs(a), fabs(b));
    if (!isfinite(difference)) {
        compared->most = compared->most_relative = INFINITY;
        squares[2] = INFINITY;
        return;
    }
    squares[2] += difference * difference;
    compared->most = fmax(compared->most, difference);
    compared->most_relative =
        size > 0 ? fmax(compared->most_relative, difference / size) : compared->most_relative;
}

static enum status read_whole(float **data, const struct checkpoint *checkpoint, const struct tensor *tensor,
                              struct error *error)
{
    enum status status;
    struct tensor whole = *tensor;
    TRY(memory_new(data, tensor_elements(tensor), error));
    whole.data = *data;
    TRY(checkpoint_read_tensor(checkpoint, &whole, error));
done:
    return status;
}

static enum status compare_tensor(struct compared_tensor *compared, const struct comparison *comparison,
                                  struct error *error)
{
    enum status status = STATUS_OK;
    float *left = NULL;
    float *right = NULL;
    double squares[3] = {0};
    if (!compared->left || !compared->right || !same_shape(compared->left, compared->right))
        return STATUS_OK;
    TRY(read_whole(&left, comparison->left->checkpoint, compared->left, error));
    TRY(read_whole(&right, comparison->right->checkpoint, compared->right, error));
    compared->compared = true;
    for (size_t i = 0; i < tensor_elements(compared->left); i++)
        take_pair(compared, squares, &left[i], &right[i]);
    compared->left_norm = sqrt(squares[0]);
    compared->right_norm = sqrt(squares[1]);
    compared->difference_norm = sqrt(squares[2]);
done:
    memory_free(left);
    memory_free(right);
    return status;
}

static enum status compare_tensors(struct comparison *comparison, struct error *error)
{
    enum status status;
    const struct checkpoint *left = comparison->left->checkpoint;
    const struct checkpoint *right = comparison->right->checkpoint;
    TRY(memory_new(&comparison->tensors, left->tensor_count + right->tensor_count, error));
    for (size_t t = 0; t < left->tensor_count; t++)
        comparison->tensors[comparison->tensor_count++] = (struct compared_tensor){
            .path = left->tensors[t].path,
            .left = &left->tensors[t],
            .right = checkpoint_find(right, left->tensors[t].path),
        };
    for (size_t t = 0; t < right->tensor_count; t++)
        if (!checkpoint_find(left, right->tensors[t].path))
            comparison->tensors[comparison->tensor_count++] =
                (struct compared_tensor){.path = right->tensors[t].path, .right = &right->tensors[t]};
    comparison->same_model = true;
    for (size_t t = 0; t < comparison->tensor_count; t++) {
        struct compared_tensor *compared = &comparison->tensors[t];
        TRY(compare_tensor(compared, comparison, error));
        if (strncmp(compared->path, "/model/", strlen("/model/")) == 0)
            comparison->same_model &= compared->compared && compared->differing == 0;
    }
done:
    return status;
}

static uint32_t find_token(const struct vocabulary *vocabulary, const struct vocabulary *other, uint32_t id)
{
    size_t bytes;
    const char *text = vocabulary_text(other, id, &bytes);
    return vocabulary_find(vocabulary, text, bytes);
}

/* The ids of `one` whose tokens `other` lacks. */
static enum status find_missing(uint32_t **ids, size_t *count, const struct vocabulary *one,
                                const struct vocabulary *other, struct error *error)
{
    enum status status = memory_new(ids, vocabulary_size(one), error);
    for (uint32_t id = 1; id < vocabulary_size(one) && status == STATUS_OK; id++)
        if (find_token(other, one, id) == VOCABULARY_UNKNOWN)
            (*ids)[(*count)++] = id;
    return status;
}

static enum status compare_vocabularies(struct comparison *comparison, struct error *error)
{
    enum status status;
    const struct vocabulary *left = comparison->left->vocabulary;
    const struct vocabulary *right = comparison->right->vocabulary;
    TRY(find_missing(&comparison->left_only, &comparison->left_only_count, left, right, error));
    TRY(find_missing(&comparison->right_only, &comparison->right_only_count, right, left, error));
    comparison->same_counts = vocabulary_size(left) == vocabulary_size(right);
    for (uint32_t id = 0; id < vocabulary_size(left); id++) {
        uint32_t other = id == VOCABULARY_UNKNOWN ? id : find_token(right, left, id);
        comparison->moved += other != VOCABULARY_UNKNOWN && other != id;
        comparison->same_counts &= vocabulary_count(left, id) == vocabulary_count(right, other);
    }
    comparison->same_vocabulary =
        comparison->left_only_count + comparison->right_only_count + comparison->moved == 0;
done:
    return status;
}

enum status comparison_make(struct comparison *comparison, const struct inspection *left,
                            const struct inspection *right, struct error *error)
{
    enum status status;
    *comparison = (struct comparison){.left = left, .right = right};
    TRY(compare_settings(comparison, error));
    TRY(compare_vocabularies(comparison, error));
    TRY(compare_tensors(comparison, error));
done:
    return status;
}

void comparison_free(struct comparison *comparison)
{
    memory_free(comparison->settings);
    memory_free(comparison->tensors);
    memory_free(comparison->left_only);
    memory_free(comparison->right_only);
    *comparison = (struct comparison){0};
}
