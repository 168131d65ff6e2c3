/* How a checkpoint is written, so that whatever fails is an error on every rank and nothing hangs:
 *
 * 1. All ranks together take the digests of all blocks, from memory.
 * 2. Rank 0 alone lays the file out in memory with the serial driver: groups, attributes, every dataset with
 *    its room, all data but that of the tensors, which stay holes. It reserves the size of the whole on the
 *    disk, as PATH.part: a full disk is found here. Then it copies what is no hole.
 * 3. Each rank tries whether it sees that file and can open it as often as the library is going to: in the
 *    library a rank that fails leaves the others waiting. A run directory on a disk of one host is found
 * here, and a limit of open files.
 * 4. All ranks open the file together and write their parts of the tensors, each by itself. HDF5 has nothing
 *    to allocate any more.
 * 5. Behind each piece that it wrote a rank lets the system begin to bring it to the disk, and meanwhile
 * reads it back and compares: some MPI libraries lose a failed write without a word.
 * 6. All close. Every rank brings to the disk what its host has written, through a descriptor of its own that
 *    was open before the first write, so that none that the disk refused goes unnoticed.
 * 7. Rank 0 gives the file its name.
 *
 * For the watch each piece is progress, and each step that a rank cannot divide.
 *
 * After each step the ranks agree whether to go on. A collective HDF5 call is made by all ranks or by none;
 * a rank on which HDF5 fails ends the run, and the others with it.
 */
#include "checksum.h"
#include "config_digest.h"
#include "dataset_list.h"
#include "file_format.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_handle.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/durable_file.h"
#include "metrics_table.h"
#include "tensor_digests.h"
#include "tensor_part.h"

#include <string.h>
#include <unistd.h>

static enum status add_vocabulary(struct dataset_list *list, hid_t *text_type, struct h5 *h5,
                                  const struct vocabulary *vocabulary, struct error *error)
{
    enum status status = STATUS_OK;
    size_t size = vocabulary_size(vocabulary);
    size_t longest = vocabulary_longest_shown(vocabulary);
    *text_type = h5_text_type(h5, longest, H5T_STR_NULLTERM);

    char *texts;
    uint32_t *code_points = NULL;
    uint64_t *counts;
    size_t stride = longest + 1;
    TRY(dataset_list_add(list, "/vocabulary/token", *text_type, stride, &size, 1, &texts, error));
    if (vocabulary_has_code_points(vocabulary))
        TRY(dataset_list_add(list, "/vocabulary/code_point", H5T_STD_U32LE, sizeof *code_points, &size, 1,
                             &code_points, error));
    TRY(dataset_list_add(list, "/vocabulary/count", H5T_STD_U64LE, sizeof *counts, &size, 1, &counts, error));
    for (uint32_t id = 0; id < size; id++) {
        const char *shown = vocabulary_shown(vocabulary, id);
        memcpy(texts + id * stride, shown, strlen(shown));
        if (code_points)
            code_points[id] = vocabulary_code_point(vocabulary, id);
        counts[id] = vocabulary_count(vocabulary, id);
    }
done:
    return status;
}

static enum status add_tensor_checksums(struct dataset_list *list, const struct snapshot *snapshot,
                                        const struct tensor_digests *digests, struct error *error)
{
    enum status status = STATUS_OK;
    const uint64_t *next = digests->values;
    for (size_t t = 0; t < snapshot->tensor_count; t++) {
        const struct tensor *tensor = &snapshot->tensors[t];
        size_t blocks = checksum_blocks((uint64_t)tensor_elements(tensor) * sizeof(float));
        TRY(checksum_add(list, tensor->path, next, blocks, error));
        next += blocks;
    }
done:
    return status;
}

/* Numbers are kept as numbers, all else as the text that --config and the command line take. */
static void put_setting(struct h5 *h5, const struct settings *settings, const struct settings_row *row)
{
    static const char group[] = "/config";
    const void *value = settings_value(settings, row);
    char *text = NULL;
    if (row->kind == SETTINGS_WHOLE) {
        h5_put_u64(h5, group, row->field, *(const uint64_t *)value);
    } else if (row->kind == SETTINGS_REAL) {
        h5_put_f64(h5, group, row->field, *(const double *)value);
    } else if (row->kind == SETTINGS_FLAG) {
        h5_put_u64(h5, group, row->field, *(const bool *)value ? 1 : 0);
    } else if (row->kind == SETTINGS_WHOLE_OR_RANDOM && *(const int64_t *)value != START_OFFSET_RANDOM) {
        h5_put_u64(h5, group, row->field, (uint64_t) * (const int64_t *)value);
    } else if (h5->status == STATUS_OK) {
        h5->status = settings_text_get(&text, settings, row, h5->error);
        if (h5->status == STATUS_OK)
            h5_put_text(h5, group, row->field, text);
    }
    memory_free(text);
}

static void put_config(struct h5 *h5, const struct snapshot *snapshot)
{
    h5_make_group(h5, "/config");
    for (const struct settings_row *row = settings_table; row < settings_table + settings_count; row++)
        if (row->on_resume != SETTINGS_NOT_STORED)
            put_setting(h5, snapshot->settings, row);
    h5_put_u64(h5, "/config", "corpus_digest", snapshot->corpus_digest);
}

static void put_epoch_times(struct h5 *h5, const struct snapshot *snapshot)
{
    double *seconds = NULL;
    size_t ranks = snapshot->epoch_ranks;
    if (!snapshot->epoch_times || h5->status != STATUS_OK)
        return;
    h5->status = memory_new(&seconds, ranks, h5->error);
    for (size_t r = 0; r < ranks && seconds; r++)
        seconds[r] = snapshot->epoch_times[r].compute_seconds;
    h5_put_f64s(h5, "/progress", "epoch_compute_seconds", seconds, ranks);
    for (size_t r = 0; r < ranks && seconds; r++)
        seconds[r] = snapshot->epoch_times[r].wait_seconds;
    h5_put_f64s(h5, "/progress", "epoch_wait_seconds", seconds, ranks);
    memory_free(seconds);
}

static void put_progress(struct h5 *h5, const struct snapshot *snapshot)
{
    h5_make_group(h5, "/progress");
    for (const struct progress_field *field = progress_fields; field < progress_fields + progress_field_count;
         field++) {
        const void *value = (const char *)&snapshot->progress + field->offset;
        if (field->type == PROGRESS_UINT64)
            h5_put_u64(h5, "/progress", field->name, *(const uint64_t *)value);
        else
            h5_put_f64(h5, "/progress", field->name, *(const double *)value);
    }
    put_epoch_times(h5, snapshot);
}

static void make_tensors(struct h5 *h5, const struct snapshot *snapshot)
{
    for (const struct tensor *tensor = snapshot->tensors; tensor < snapshot->tensors + snapshot->tensor_count;
         tensor++) {
        h5_make_dataset(h5, tensor->path, H5T_IEEE_F32LE, tensor->dims, tensor->dim_count);
        if (tensor->gates)
            h5_put_text(h5, tensor->path, "gates", tensor->gates);
    }
}

static enum status collect(struct dataset_list *list, hid_t *text_type, struct h5 *h5,
                           const struct snapshot *snapshot, const struct tensor_digests *digests,
                           struct error *error)
{
    enum status status = STATUS_OK;
    TRY(add_vocabulary(list, text_type, h5, snapshot->vocabulary, error));
    TRY(metrics_table_add(list, snapshot->history, error));
    TRY(checksum_add_all(list, error));
    TRY(add_tensor_checksums(list, snapshot, digests, error));
done:
    return status;
}

/* Step 2, on rank 0. */
static enum status lay_out(const struct durable_file *file, const struct snapshot *snapshot,
                           const struct tensor_digests *digests, struct error *error)
{
    enum status status = STATUS_OK;
    struct dataset_list list = {0};
    hid_t text_type = -1;
    struct h5 h5;
    h5_create(&h5, file->part, error);
    if (h5.status == STATUS_OK)
        h5.status = collect(&list, &text_type, &h5, snapshot, digests, error);
    file_format_put(&h5);
    put_config(&h5, snapshot);
    put_progress(&h5, snapshot);
    make_tensors(&h5, snapshot);
    dataset_list_write(&list, &h5);
    config_digest_put(&h5);
    if (text_type >= 0 && H5Tclose(text_type) < 0)
        h5_fail_in(&h5, "/vocabulary/token");
    dataset_list_free(&list);
    TRY(h5_close(&h5));
    TRY(durable_file_fill(file, h5.memory, error));
done:
    h5_forget(&h5);
    return status;
}

/* Step 3, what a rank can find out by itself. */
static enum status see_file(struct durable_file *file, const struct comm *comm, const char *path,
                            uint64_t bytes, struct error *error)
{
    /* Open MPI opens the file and two more beside it. Some are left for the connections between hosts. */
    enum { OPEN_AT_ONCE = 16 };
    uint64_t seen = 0;
    enum status status = STATUS_OK;
    if (comm->rank > 0)
        status = durable_file_join(file, path, error);
    if (status == STATUS_OK)
        status = durable_file_size(file, &seen, error);
    if (status == STATUS_OK && seen == bytes)
        status = durable_file_try(file, OPEN_AT_ONCE, error);
    if (status == STATUS_OK && seen == bytes)
        return STATUS_OK;

    char host[COMM_HOST_BYTES];
    struct error reason = *error;
    comm_host_name(host);
    error_set(error, STATUS_FAILED, "rank %d on host %s cannot write %s", comm->rank, host, path);
    if (status == STATUS_OK)
        error_why(error, "another host made a file of %llu bytes, and here it has %llu",
                  (unsigned long long)bytes, (unsigned long long)seen);
    else
        error_why(error, "%s", reason.why);
    bool elsewhere = status == STATUS_OK || access(file->part, F_OK) != 0;
    return error_remedy(error, "%s", elsewhere ? "take a folder that all hosts see" : reason.remedy);
}

static enum status all_see_file(struct durable_file *file, const struct comm *comm, const char *path,
                                struct error *error)
{
    uint64_t bytes = 0;
    enum status status = STATUS_OK;
    if (comm->rank == 0)
        status = durable_file_size(file, &bytes, error);
    TRY(agree_on_status(comm, status, error));
    TRY(comm_broadcast(comm, &bytes, sizeof bytes, 0, error));
    TRY(agree_on_status(comm, see_file(file, comm, path, bytes, error), error));
done:
    return status;
}

static void write_piece(struct h5 *h5, const struct h5_dataset *dataset, const struct tensor_piece *piece,
                        const struct durable_file *file)
{
    size_t bytes = piece->elements * sizeof *piece->data;
    uint64_t offset_bytes = dataset->offset_bytes + (uint64_t)piece->file_element * sizeof *piece->data;
    h5_write_slab(h5, dataset, piece->first, piece->count, piece->data);
    if (h5->status != STATUS_OK)
        return;
    durable_file_begin_sync(file, offset_bytes, bytes);
    h5->status = durable_file_compare(file, piece->data, bytes, offset_bytes, h5->error);
}

static void write_tensors(struct h5 *h5, const struct comm *comm, const struct snapshot *snapshot,
                          const struct durable_file *file)
{
    for (size_t t = 0; t < snapshot->tensor_count && h5->status == STATUS_OK; t++) {
        struct tensor_part part = tensor_part_written(&snapshot->tensors[t], comm->rank, comm->size);
        struct tensor_piece piece = {0};
        struct h5_dataset dataset = h5_open_dataset(h5, snapshot->tensors[t].path);
        while (h5->status == STATUS_OK && tensor_part_next(&part, &piece)) {
            write_piece(h5, &dataset, &piece, file);
            watch_go_on(comm);
        }
        h5_close_dataset(h5, &dataset);
    }
}

static bool is_left_behind(const struct comm *comm, enum status status, const struct error *error)
{
    return comm->size > 1 && status != STATUS_OK && error->broke_communication;
}

/* Steps 4 to 6. The agreement's verdict becomes that of `h5`, so that all ranks do the same next. */
static enum status fill(const struct comm *comm, const struct durable_file *file,
                        const struct snapshot *snapshot, struct error *error)
{
    struct h5 h5;
    h5_open_shared(&h5, file->part, comm_library_handle(comm), error);
    h5.status = agree_on_status(comm, h5.status, error);
    write_tensors(&h5, comm, snapshot, file);
    h5.status = agree_on_status(comm, h5.status, error);
    /* The others wait for this rank elsewhere than in the collective close. */
    if (is_left_behind(comm, h5.status, error))
        return h5.status;
    enum status status = h5_close(&h5);
    watch_go_on(comm);
    if (status == STATUS_OK)
        status = durable_file_sync(file, error);
    watch_go_on(comm);
    return agree_on_status(comm, status, error);
}

enum status checkpoint_write(const struct comm *comm, const char *path, const struct snapshot *snapshot,
                             struct error *error)
{
    enum status status = STATUS_OK;
    struct tensor_digests digests = {0};
    struct durable_file file = {0};
    TRY(tensor_digests_compute(&digests, comm, snapshot, error));

    if (comm->rank == 0) {
        status = durable_file_begin(&file, path, error);
        if (status == STATUS_OK)
            status = lay_out(&file, snapshot, &digests, error);
        watch_go_on(comm);
    }
    TRY(agree_on_status(comm, status, error));
    TRY(all_see_file(&file, comm, path, error));
    TRY(fill(comm, &file, snapshot, error));
    if (comm->rank == 0)
        status = durable_file_commit(&file, error);
    TRY(agree_on_status(comm, status, error));
done:
    /* A rank that ends the run does not leave it to rank 0, which would not come to it. */
    if (comm->rank == 0 || is_left_behind(comm, status, error))
        durable_file_remove(&file);
    durable_file_free(&file);
    tensor_digests_free(&digests);
    return status;
}
