#include "lstm_mpi/store/metrics_file.h"
#include "file_format.h"
#include "lstm_mpi/store/durable_file.h"
#include "metrics_table.h"

static enum status fill(const struct durable_file *file, const struct history *history, struct error *error)
{
    struct dataset_list list = {0};
    struct h5 h5 = {.memory = -1};
    enum status status = STATUS_OK;
    TRY(metrics_table_add(&list, history, error));
    h5_create(&h5, file->part, error);
    file_format_put(&h5);
    dataset_list_write(&list, &h5);
    TRY(h5_close(&h5));
    TRY(durable_file_fill(file, h5.memory, error));
done:
    h5_forget(&h5);
    dataset_list_free(&list);
    return status;
}

/* More than HDF5 takes for a few datasets and their names. */
enum { OVERHEAD_BYTES = 1 << 16 };

enum status metrics_file_write(const char *path, const struct history *history, struct error *error)
{
    enum status status = STATUS_OK;
    struct durable_file file = {0};
    TRY(durable_file_check_limit(path, history_bytes(history) + OVERHEAD_BYTES, error));
    TRY(durable_file_begin(&file, path, error));
    TRY(fill(&file, history, error));
    TRY(durable_file_commit(&file, error));
done:
    durable_file_remove(&file);
    durable_file_free(&file);
    return status;
}

enum status metrics_file_read(struct history *history, const char *path, struct error *error)
{
    struct h5 h5;
    h5_open(&h5, path, error);
    file_format_check(&h5);
    metrics_table_read(&h5, history);
    return h5_close(&h5);
}
