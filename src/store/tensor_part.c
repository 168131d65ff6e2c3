#include "tensor_part.h"
#include "lstm_mpi/base/digest.h"

/* Small enough that a piece that was written is still in the cache when it is compared, and that the disk has
 * work early; large enough that the cost of a call does not matter. */
enum { PIECE_BYTES = 2 << 20 };

_Static_assert((int)TENSOR_MAX_DIMS <= (int)H5_MAX_DIMS, "every tensor fits into a dataset");

static struct tensor_part whole(const struct tensor *tensor)
{
    struct tensor_part part = {.tensor = tensor, .outer = 1, .inner = 1};
    part.row_dim = tensor->split_dim < 0 ? 0 : (size_t)tensor->split_dim;
    for (size_t d = 0; d < part.row_dim; d++)
        part.outer *= tensor->dims[d];
    for (size_t d = part.row_dim + 1; d < tensor->dim_count; d++)
        part.inner *= tensor->dims[d];
    return part;
}

struct tensor_part tensor_part_held(const struct tensor *tensor)
{
    struct tensor_part part = whole(tensor);
    if (tensor->split_dim < 0)
        part.rows = (struct range){0, tensor->dims[0]};
    else
        part.rows = (struct range){tensor->local_first, tensor->local_count};
    part.memory_first = part.rows.first;
    part.memory_rows = part.rows.count;
    return part;
}

struct tensor_part tensor_part_written(const struct tensor *tensor, int rank, int size)
{
    struct tensor_part part = tensor_part_held(tensor);
    if (tensor->split_dim >= 0)
        return part;
    size_t row_bytes = part.inner * sizeof(float);
    size_t chunk = row_bytes == 0 || row_bytes >= DIGEST_BLOCK_BYTES ? 1 : DIGEST_BLOCK_BYTES / row_bytes;
    size_t rows = part.rows.count;
    size_t chunks = rows / chunk + (rows % chunk > 0);
    struct range mine = partition_range(chunks, (size_t)size, (size_t)rank);
    size_t end = (mine.first + mine.count) * chunk;
    part.rows.first = mine.first * chunk < rows ? mine.first * chunk : rows;
    part.rows.count = (end < rows ? end : rows) - part.rows.first;
    return part;
}

static size_t piece_rows(const struct tensor_part *part)
{
    size_t row_bytes = part->inner * sizeof(float);
    return row_bytes == 0 || row_bytes >= PIECE_BYTES ? 1 : PIECE_BYTES / row_bytes;
}

bool tensor_part_next(const struct tensor_part *part, struct tensor_piece *piece)
{
    const struct tensor *tensor = part->tensor;
    if (piece->outer >= part->outer || part->rows.count == 0 || part->inner == 0)
        return false;
    size_t left = part->rows.count - piece->row;
    size_t rows = piece_rows(part) < left ? piece_rows(part) : left;
    size_t row = part->rows.first + piece->row;

    size_t index = piece->outer;
    for (size_t d = part->row_dim; d-- > 0;) {
        piece->first[d] = index % tensor->dims[d];
        piece->count[d] = 1;
        index /= tensor->dims[d];
    }
    piece->first[part->row_dim] = row;
    piece->count[part->row_dim] = rows;
    for (size_t d = part->row_dim + 1; d < tensor->dim_count; d++) {
        piece->first[d] = 0;
        piece->count[d] = tensor->dims[d];
    }
    piece->data = tensor->data + (piece->outer * part->memory_rows + row - part->memory_first) * part->inner;
    piece->elements = rows * part->inner;
    piece->file_element = (piece->outer * tensor->dims[part->row_dim] + row) * part->inner;

    piece->row += rows;
    if (piece->row == part->rows.count) {
        piece->row = 0;
        piece->outer++;
    }
    return true;
}
