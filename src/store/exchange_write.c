#include "exchange_metadata.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/store/checkpoint_shape.h"
#include "lstm_mpi/store/durable_file.h"
#include "lstm_mpi/store/exchange.h"
#include "safetensors_header.h"
#include "torch_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes at a time, and, for the sake of the cache, rows at least. */
enum { BLOCK_BYTES = 4 << 20, LEAST_ROWS = 16 };

bool exchange_may_replace(const char *path)
{
    struct stat facts;
    struct safetensors_header header = {0};
    struct error error;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT;
    bool may =
        fstat(descriptor, &facts) == 0 &&
        (facts.st_size == 0 || safetensors_header_read(&header, descriptor, path, &error) == STATUS_OK);
    safetensors_header_free(&header);
    close(descriptor);
    return may;
}

static enum status cannot_export(const struct checkpoint *checkpoint, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot export %s", checkpoint->path);
    return error_remedy(error, "take a checkpoint of an LSTM, a GRU or an RNN");
}

static enum status find_shape(struct torch_shape *shape, const struct checkpoint *checkpoint,
                              struct error *error)
{
    struct checkpoint_shape found = checkpoint_shape_of(checkpoint);
    const char *cell = checkpoint_saved_text(checkpoint, "cell");
    *shape = (struct torch_shape){
        .cell = torch_layout_cell(cell, found.gates),
        .hidden = found.hidden,
        .layers = found.layers,
        .directions = found.bidirectional ? 2 : 1,
        .vocabulary = found.vocabulary,
        .embedding = found.embedding,
        .double_bias = found.double_bias,
        .tied = found.tied,
    };
    if (!shape->cell) {
        cannot_export(checkpoint, error);
        return error_why(error, "PyTorch has no module for the cell %s with %zu gates",
                         cell ? cell : "of this model", found.gates);
    }
    if (shape->vocabulary == 0 || (shape->tied && shape->embedding == 0)) {
        cannot_export(checkpoint, error);
        return error_why(error, "it has no %s", shape->tied ? "/model/output/W" : "/model/output/b");
    }
    return STATUS_OK;
}

/* Every tensor of the checkpoint's model must have its place in the state_dict, and the other way round. */
static enum status check_layout(const struct torch_layout *layout, const struct checkpoint *checkpoint,
                                struct error *error)
{
    for (size_t t = 0; t < checkpoint->tensor_count; t++) {
        const char *path = checkpoint->tensors[t].path;
        if (strncmp(path, "/model/", strlen("/model/")) == 0 && !torch_layout_find_path(layout, path)) {
            cannot_export(checkpoint, error);
            return error_why(error, "PyTorch's modules have no place for %s", path);
        }
    }
    for (size_t t = 0; t < layout->count; t++) {
        const char *path = layout->tensors[t].path;
        if (path[0] && !checkpoint_find(checkpoint, path)) {
            cannot_export(checkpoint, error);
            return error_why(error, "it has no %s", path);
        }
    }
    return STATUS_OK;
}

/* Where the file is written: one piece behind the other. */
struct output {
    struct durable_file file;
    uint64_t bytes; /* so far */
};

static enum status put(struct output *output, const void *data, size_t bytes, struct error *error)
{
    enum status status = durable_file_write(&output->file, data, bytes, output->bytes, error);
    if (status == STATUS_OK) {
        durable_file_begin_sync(&output->file, output->bytes, bytes);
        output->bytes += bytes;
    }
    return status;
}

static enum status put_tensor(struct output *output, const struct torch_tensor *tensor,
                              const struct checkpoint *checkpoint, struct error *error)
{
    enum status status = STATUS_OK;
    struct tensor stored = torch_layout_stored(tensor);
    uint32_t *rows = NULL;
    size_t row_bytes = tensor->columns * sizeof *rows;
    size_t block = row_bytes < BLOCK_BYTES / LEAST_ROWS ? BLOCK_BYTES / row_bytes : LEAST_ROWS;
    block = block < tensor->rows ? block : tensor->rows;
    TRY(memory_new(&rows, block * tensor->columns, error));
    if (tensor->path[0]) {
        TRY(memory_new(&stored.data, tensor_elements(&stored), error));
        TRY(checkpoint_read_tensor(checkpoint, &stored, error));
    }
    for (size_t first = 0; first < tensor->rows; first += block) {
        size_t count = tensor->rows - first < block ? tensor->rows - first : block;
        if (stored.data)
            torch_layout_get_rows(rows, tensor, first, count, stored.data);
        TRY(put(output, rows, count * row_bytes, error));
    }
done:
    memory_free(rows);
    memory_free(stored.data);
    return status;
}

static enum status put_header(struct output *output, const struct torch_layout *layout,
                              const struct checkpoint *checkpoint, const struct vocabulary *vocabulary,
                              struct error *error)
{
    enum status status;
    char *text = NULL;
    size_t bytes;
    struct safetensors_tensor *tensors = NULL;
    TRY(memory_new(&tensors, layout->count, error));
    for (size_t t = 0; t < layout->count; t++) {
        const struct torch_tensor *tensor = &layout->tensors[t];
        tensors[t] = (struct safetensors_tensor){
            .name = tensor->name,
            .dims = {tensor->rows, tensor->columns},
            .dim_count = tensor->dim_count,
        };
    }
    TRY(safetensors_header_make(&text, &bytes, tensors, layout->count,
                                exchange_metadata_make(checkpoint, vocabulary), error));
    TRY(put(output, text, bytes, error));
done:
    memory_free(text);
    memory_free(tensors);
    return status;
}

enum status exchange_write(const char *path, const struct checkpoint *checkpoint,
                           const struct vocabulary *vocabulary, struct error *error)
{
    enum status status;
    struct torch_shape shape;
    struct torch_layout layout = {0};
    struct output output = {0};
    TRY(find_shape(&shape, checkpoint, error));
    TRY(torch_layout_make(&layout, &shape, error));
    TRY(check_layout(&layout, checkpoint, error));
    TRY(durable_file_begin(&output.file, path, error));
    TRY(put_header(&output, &layout, checkpoint, vocabulary, error));
    for (size_t t = 0; t < layout.count; t++)
        TRY(put_tensor(&output, &layout.tensors[t], checkpoint, error));
    TRY(durable_file_commit(&output.file, error));
done:
    durable_file_remove(&output.file);
    durable_file_free(&output.file);
    torch_layout_free(&layout);
    return status;
}
