#include "metrics_table.h"
#include "lstm_mpi/base/memory.h"

#include <stdio.h>
#include <string.h>

/* Columns with a number for every epoch and rank. */
static const struct {
    const char *path;
    size_t offset;
} rank_columns[] = {
    {"/metrics/rank_compute_seconds", offsetof(struct rank_times, compute_seconds)},
    {"/metrics/rank_wait_seconds", offsetof(struct rank_times, wait_seconds)},
};
enum { RANK_COLUMNS = sizeof rank_columns / sizeof rank_columns[0] };

/* Both kinds of columns have elements of 8 bytes. */
enum { ELEMENT_BYTES = 8 };

static void column_path(char path[H5_PATH_BYTES], const struct history_column *column)
{
    snprintf(path, H5_PATH_BYTES, "/metrics/%s", column->name);
}

enum status metrics_table_add(struct dataset_list *list, const struct history *history, struct error *error)
{
    enum status status = STATUS_OK;
    char *data;
    for (const struct history_column *column = history_columns;
         column < history_columns + history_column_count; column++) {
        char path[H5_PATH_BYTES];
        column_path(path, column);
        hid_t type = column->type == HISTORY_INT64 ? H5T_STD_I64LE : H5T_IEEE_F64LE;
        TRY(dataset_list_add(list, path, type, ELEMENT_BYTES, &history->count, 1, &data, error));
        for (size_t e = 0; e < history->count; e++)
            memcpy(data + e * ELEMENT_BYTES, (const char *)&history->records[e] + column->offset,
                   ELEMENT_BYTES);
    }
    size_t dims[2] = {history->count, history->ranks};
    for (size_t c = 0; c < RANK_COLUMNS; c++) {
        TRY(dataset_list_add(list, rank_columns[c].path, H5T_IEEE_F64LE, ELEMENT_BYTES, dims, 2, &data,
                             error));
        for (size_t i = 0; i < dims[0] * dims[1]; i++)
            memcpy(data + i * ELEMENT_BYTES, (const char *)&history->times[i] + rank_columns[c].offset,
                   ELEMENT_BYTES);
    }
done:
    return status;
}

/* Reads a column whose dims must be these into every `stride`-th place behind `first`. */
static void read_column(struct h5 *h5, const char *path, bool whole, const size_t dims[2], size_t dim_count,
                        void *first, size_t stride)
{
    char *data = NULL;
    struct h5_dataset dataset = h5_open_dataset(h5, path);
    H5T_class_t wanted = whole ? H5T_INTEGER : H5T_FLOAT;
    bool fits = dataset.dim_count == dim_count && dataset.type_class == wanted;
    for (size_t d = 0; d < dim_count && fits; d++)
        fits = dataset.dims[d] == dims[d];
    if (h5->status == STATUS_OK && !fits)
        h5_fail(h5, "%s has not the type or shape that /metrics/epoch calls for", path);
    size_t count = dim_count == 2 ? dims[0] * dims[1] : dims[0];
    if (h5->status == STATUS_OK)
        h5->status = memory_allocate(&data, count, ELEMENT_BYTES, h5->error);
    h5_read_all(h5, &dataset, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, data);
    for (size_t i = 0; i < count && h5->status == STATUS_OK; i++)
        memcpy((char *)first + i * stride, data + i * ELEMENT_BYTES, ELEMENT_BYTES);
    memory_free(data);
    h5_close_dataset(h5, &dataset);
}

static struct h5_dataset shape_of(struct h5 *h5, const char *path, size_t dim_count)
{
    struct h5_dataset dataset = h5_open_dataset(h5, path);
    if (h5->status == STATUS_OK && dataset.dim_count != dim_count)
        h5_fail(h5, "%s has %zu dimensions", path, dataset.dim_count);
    h5_close_dataset(h5, &dataset);
    return dataset;
}

void metrics_table_read(struct h5 *h5, struct history *history)
{
    char path[H5_PATH_BYTES];
    column_path(path, &history_columns[0]);
    size_t epochs = shape_of(h5, path, 1).dims[0];
    size_t ranks = shape_of(h5, rank_columns[0].path, 2).dims[1];
    size_t dims[2] = {epochs, ranks};
    size_t cells;
    if (h5->status != STATUS_OK)
        return;
    if (__builtin_mul_overflow(epochs, ranks, &cells)) {
        h5_fail(h5, "%s is larger than any file", rank_columns[0].path);
        return;
    }

    h5->status = memory_grow(&history->records, &history->capacity, epochs, h5->error);
    if (h5->status == STATUS_OK)
        h5->status = memory_grow(&history->times, &history->times_capacity, cells, h5->error);
    if (h5->status != STATUS_OK)
        return;
    if (epochs > 0)
        memset(history->records, 0, epochs * sizeof *history->records);
    for (const struct history_column *column = history_columns;
         column < history_columns + history_column_count && epochs > 0; column++) {
        column_path(path, column);
        read_column(h5, path, column->type == HISTORY_INT64, dims, 1,
                    (char *)history->records + column->offset, sizeof *history->records);
    }
    for (size_t c = 0; c < RANK_COLUMNS && cells > 0; c++)
        read_column(h5, rank_columns[c].path, false, dims, 2, (char *)history->times + rank_columns[c].offset,
                    sizeof *history->times);
    history->count = epochs;
    history->ranks = ranks;
}
