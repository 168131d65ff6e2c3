#include "lstm_mpi/store/checkpoint.h"
#include "checksum.h"
#include "config_digest.h"
#include "file_format.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "metrics_table.h"
#include "tensor_part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct checkpoint_file {
    struct h5 h5;
    struct error error; /* where `h5` notes errors while the file is being opened */
    size_t saved_capacity;
    size_t tensor_capacity;
};

/* The attributes of /config are the settings; what else is there is not among them. */
static void keep_setting(struct h5 *h5, const char *name, const char *text, void *context)
{
    struct checkpoint *checkpoint = context;
    if (strcmp(name, "corpus_digest") == 0)
        return;
    h5->status = memory_grow(&checkpoint->saved, &checkpoint->file->saved_capacity,
                             checkpoint->saved_count + 1, h5->error);
    char *name_copy = NULL;
    char *text_copy = NULL;
    if (h5->status == STATUS_OK)
        h5->status = memory_copy_text(&name_copy, name, h5->error);
    if (h5->status == STATUS_OK)
        h5->status = memory_copy_text(&text_copy, text, h5->error);
    if (h5->status == STATUS_OK) {
        checkpoint->saved[checkpoint->saved_count++] = (struct settings_saved){name_copy, text_copy};
    } else {
        memory_free(name_copy);
        memory_free(text_copy);
    }
}

static void read_config(struct checkpoint *checkpoint)
{
    struct h5 *h5 = &checkpoint->file->h5;
    h5_read_attributes(h5, "/config", keep_setting, checkpoint);
    config_digest_verify(h5);
    if (h5_has(h5, "/config", "corpus_digest"))
        checkpoint->corpus_digest = h5_read_u64(h5, "/config", "corpus_digest");
}

static void read_epoch_times(struct checkpoint *checkpoint)
{
    struct h5 *h5 = &checkpoint->file->h5;
    double *compute = NULL;
    double *wait = NULL;
    size_t count = 0;
    size_t wait_count = 0;
    if (!h5_has(h5, "/progress", "epoch_compute_seconds"))
        return;
    h5_read_f64s(h5, "/progress", "epoch_compute_seconds", &compute, &count);
    h5_read_f64s(h5, "/progress", "epoch_wait_seconds", &wait, &wait_count);
    if (h5->status == STATUS_OK && count != wait_count)
        h5_fail(h5, "/progress has times of %zu and of %zu ranks", count, wait_count);
    if (h5->status == STATUS_OK)
        h5->status = memory_new(&checkpoint->epoch_times, count, h5->error);
    if (h5->status == STATUS_OK) {
        checkpoint->epoch_ranks = count;
        for (size_t r = 0; r < count; r++)
            checkpoint->epoch_times[r] = (struct rank_times){compute[r], wait[r]};
    }
    memory_free(compute);
    memory_free(wait);
}

/* That of the version that wrote the file, by what it stored. */
static enum progress_since progress_version(struct h5 *h5)
{
    enum progress_since version = PROGRESS_ALWAYS;
    for (size_t i = 0; i < progress_field_count; i++) {
        if (progress_fields[i].since > version && h5_has(h5, "/progress", progress_fields[i].name))
            version = progress_fields[i].since;
    }
    return version;
}

static void read_field(struct h5 *h5, struct progress *progress, const struct progress_field *field)
{
    void *value = (char *)progress + field->offset;
    if (field->type == PROGRESS_UINT64)
        *(uint64_t *)value = h5_read_u64(h5, "/progress", field->name);
    else
        *(double *)value = h5_read_f64(h5, "/progress", field->name);
}

/* Everything that a run needs must be there, but for what its version did not have and is known all the same:
 * without optimizers no state was ever put back, without validation there was no plateau and is no best. For
 * a model, what is there. */
static void read_progress(struct checkpoint *checkpoint, enum checkpoint_use use)
{
    struct h5 *h5 = &checkpoint->file->h5;
    struct progress *progress = &checkpoint->progress;
    enum progress_since version = progress_version(h5);
    *progress = (struct progress){.rate = NAN, .rate_factor = 1};
    for (const struct progress_field *field = progress_fields; field < progress_fields + progress_field_count;
         field++) {
        bool needed = use == CHECKPOINT_RUN && field->since <= version;
        if (needed || h5_has(h5, "/progress", field->name))
            read_field(h5, progress, field);
    }
    if (version < PROGRESS_OPTIMIZERS)
        progress->optimizer_updates = progress->update;
    read_epoch_times(checkpoint);
}

static bool is_below(const char *path, const char *group)
{
    size_t length = strlen(group);
    return strncmp(path, group, length) == 0 && path[length] == '/';
}

static void note_tensor(struct h5 *h5, const char *path, void *context)
{
    struct checkpoint *checkpoint = context;
    if (!is_below(path, "/model") && !is_below(path, "/state") && !is_below(path, "/optimizer") &&
        !is_below(path, "/best"))
        return;
    struct h5_dataset dataset = h5_open_dataset(h5, path);
    h5_close_dataset(h5, &dataset);
    if (h5->status != STATUS_OK)
        return;
    if (dataset.type_class != H5T_FLOAT || dataset.dim_count == 0)
        h5_fail(h5, "%s is not an array of real numbers", path);
    else if (strlen(path) >= TENSOR_PATH_BYTES)
        h5_fail(h5, "%s is too long a name", path);
    else
        h5->status = memory_grow(&checkpoint->tensors, &checkpoint->file->tensor_capacity,
                                 checkpoint->tensor_count + 1, h5->error);
    if (h5->status != STATUS_OK)
        return;
    struct tensor *tensor = &checkpoint->tensors[checkpoint->tensor_count++];
    *tensor = (struct tensor){.dim_count = dataset.dim_count, .split_dim = -1};
    memcpy(tensor->path, path, strlen(path) + 1);
    memcpy(tensor->dims, dataset.dims, sizeof tensor->dims);
}

static void demand(struct h5 *h5, const char *path)
{
    if (h5->status == STATUS_OK && !h5_exists(h5, path))
        h5_fail(h5, "it has no %s", path);
}

static char *optional_text(struct h5 *h5, const char *name)
{
    return h5_has(h5, "/", name) ? h5_read_text(h5, "/", name) : NULL;
}

static void read_all(struct checkpoint *checkpoint, const struct comm *comm, enum checkpoint_use use)
{
    struct h5 *h5 = &checkpoint->file->h5;
    static const char *const groups[] = {"/config", "/progress", "/metrics", "/checksum"};
    file_format_check(h5);
    demand(h5, "/model");
    demand(h5, "/vocabulary/token");
    for (size_t g = 0; g < sizeof groups / sizeof *groups && use == CHECKPOINT_RUN; g++)
        demand(h5, groups[g]);
    checksum_verify(h5, comm, use == CHECKPOINT_RUN);

    checkpoint->program_version = optional_text(h5, "program_version");
    checkpoint->created = optional_text(h5, "created");
    if (h5_exists(h5, "/config"))
        read_config(checkpoint);
    if (h5_exists(h5, "/progress"))
        read_progress(checkpoint, use);
    if (h5_exists(h5, "/metrics"))
        metrics_table_read(h5, &checkpoint->history);
    h5_read_dataset_paths(h5, note_tensor, checkpoint);
}

enum status checkpoint_open(struct checkpoint **out, const struct comm *comm, const char *path,
                            enum checkpoint_use use, struct error *error)
{
    enum status status = STATUS_OK;
    struct checkpoint *checkpoint = NULL;
    *out = NULL;
    status = memory_new(&checkpoint, 1, error);
    if (status == STATUS_OK)
        status = memory_new(&checkpoint->file, 1, error);
    if (status == STATUS_OK)
        status = memory_copy_text(&checkpoint->path, path, error);
    if (status == STATUS_OK) {
        struct h5 *h5 = &checkpoint->file->h5;
        h5_open(h5, checkpoint->path, &checkpoint->file->error);
        read_all(checkpoint, comm, use);
        status = h5->status;
        if (status != STATUS_OK)
            *error = checkpoint->file->error;
    }
    TRY(agree_on_status(comm, status, error));
    *out = checkpoint;
    checkpoint = NULL;
done:
    checkpoint_close(checkpoint);
    return status;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    if (checkpoint->file && checkpoint->file->h5.path) {
        enum status status = h5_close(&checkpoint->file->h5);
        (void)status; /* it was only read */
    }
    for (size_t i = 0; i < checkpoint->saved_count; i++) {
        memory_free((char *)checkpoint->saved[i].name);
        memory_free((char *)checkpoint->saved[i].text);
    }
    memory_free(checkpoint->saved);
    history_free(&checkpoint->history);
    memory_free(checkpoint->epoch_times);
    memory_free(checkpoint->tensors);
    memory_free(checkpoint->program_version);
    memory_free(checkpoint->created);
    memory_free(checkpoint->path);
    memory_free(checkpoint->file);
    memory_free(checkpoint);
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *path)
{
    for (size_t t = 0; t < checkpoint->tensor_count; t++)
        if (strcmp(checkpoint->tensors[t].path, path) == 0)
            return &checkpoint->tensors[t];
    return NULL;
}

const char *checkpoint_saved_text(const struct checkpoint *checkpoint, const char *name)
{
    for (size_t i = 0; i < checkpoint->saved_count; i++) {
        if (strcmp(checkpoint->saved[i].name, name) == 0)
            return checkpoint->saved[i].text;
    }
    return NULL;
}

enum { SHAPE_TEXT_BYTES = 80 };

static void format_shape(char text[SHAPE_TEXT_BYTES], const struct tensor *tensor)
{
    int used = snprintf(text, SHAPE_TEXT_BYTES, "[");
    for (size_t d = 0; d < tensor->dim_count; d++)
        used += snprintf(text + used, SHAPE_TEXT_BYTES - (size_t)used, "%s%zu", d > 0 ? ", " : "",
                         tensor->dims[d]);
    snprintf(text + used, SHAPE_TEXT_BYTES - (size_t)used, "]");
}

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
    bool same = a->dim_count == b->dim_count;
    for (size_t d = 0; d < a->dim_count && same; d++)
        same = a->dims[d] == b->dims[d];
    return same;
}

/* The file stays open over many calls, each with an error of its own. */
static struct h5 for_this_call(const struct checkpoint *checkpoint, struct error *error)
{
    struct h5 h5 = checkpoint->file->h5;
    h5.error = error;
    return h5;
}

enum status checkpoint_check_tensor(const struct checkpoint *checkpoint, const struct tensor *tensor,
                                    struct error *error)
{
    struct h5 h5 = for_this_call(checkpoint, error);
    const struct tensor *stored = checkpoint_find(checkpoint, tensor->path);
    if (!stored)
        return h5_fail(&h5, "it has no %s", tensor->path);
    if (same_shape(stored, tensor))
        return STATUS_OK;
    char has[SHAPE_TEXT_BYTES], needs[SHAPE_TEXT_BYTES];
    format_shape(has, stored);
    format_shape(needs, tensor);
    return h5_fail(&h5, "%s has the shape %s, and %s is needed", tensor->path, has, needs);
}

enum status checkpoint_read_tensor(const struct checkpoint *checkpoint, const struct tensor *tensor,
                                   struct error *error)
{
    struct h5 h5 = for_this_call(checkpoint, error);
    h5.status = checkpoint_check_tensor(checkpoint, tensor, error);
    if (h5.status != STATUS_OK)
        return h5.status;
    struct tensor_part part = tensor_part_held(tensor);
    struct tensor_piece piece = {0};
    struct h5_dataset dataset = h5_open_dataset(&h5, tensor->path);
    while (h5.status == STATUS_OK && tensor_part_next(&part, &piece))
        h5_read_slab(&h5, &dataset, piece.first, piece.count, piece.data);
    h5_close_dataset(&h5, &dataset);
    return h5.status;
}

static bool has_path(const struct tensor *tensors, size_t count, const char *path)
{
    bool found = false;
    for (size_t t = 0; t < count && !found; t++)
        found = strcmp(tensors[t].path, path) == 0;
    return found;
}

enum status checkpoint_check_model(const struct checkpoint *checkpoint, const struct tensor *tensors,
                                   size_t count, struct error *error)
{
    struct h5 h5 = for_this_call(checkpoint, error);
    for (size_t t = 0; t < checkpoint->tensor_count && h5.status == STATUS_OK; t++) {
        const char *path = checkpoint->tensors[t].path;
        if (is_below(path, "/model") && !has_path(tensors, count, path))
            h5_fail(&h5, "it has %s, for which the network has no place", path);
    }
    return h5.status;
}

/* An optional column of the vocabulary, one whole number for each token. */
static void read_column(struct h5 *h5, const char *path, size_t size, hid_t memory_type, size_t element_bytes,
                        void *out)
{
    if (!h5_exists(h5, path))
        return;
    struct h5_dataset dataset = h5_open_dataset(h5, path);
    if (h5->status == STATUS_OK &&
        (dataset.type_class != H5T_INTEGER || dataset.dim_count != 1 || dataset.dims[0] != size))
        h5_fail(h5, "%s is not a whole number for each of the %zu tokens", path, size);
    void *data = NULL;
    if (h5->status == STATUS_OK)
        h5->status = memory_allocate(&data, size, element_bytes, h5->error);
    if (data)
        h5_read_all(h5, &dataset, memory_type, data);
    memcpy(out, &data, sizeof data);
    h5_close_dataset(h5, &dataset);
}

enum status checkpoint_read_vocabulary(struct vocabulary **out, const struct checkpoint *checkpoint,
                                       const struct token_rules *rules, struct error *error)
{
    *out = NULL;
    struct h5 h5 = for_this_call(checkpoint, error);
    char **texts = NULL;
    uint32_t *code_points = NULL;
    uint64_t *counts = NULL;
    struct h5_dataset dataset = h5_open_dataset(&h5, "/vocabulary/token");
    h5_read_texts(&h5, &dataset, &texts);
    size_t size = dataset.dims[0];
    h5_close_dataset(&h5, &dataset);
    read_column(&h5, "/vocabulary/code_point", size, H5T_NATIVE_UINT32, sizeof *code_points, &code_points);
    read_column(&h5, "/vocabulary/count", size, H5T_NATIVE_UINT64, sizeof *counts, &counts);
    if (h5.status == STATUS_OK && size == 0)
        h5_fail(&h5, "its vocabulary is empty");
    if (h5.status == STATUS_OK) {
        struct error reason;
        if (vocabulary_restore(out, rules, (const char *const *)texts, code_points, counts, size, &reason) !=
            STATUS_OK)
            h5_fail(&h5, "%s%s%s", reason.what, reason.why[0] ? ": " : "", reason.why);
    }
    memory_free(texts);
    memory_free(code_points);
    memory_free(counts);
    return h5.status;
}
