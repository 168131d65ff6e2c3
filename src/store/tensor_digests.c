/* A block of a tensor that all ranks hold is digested by one of them. A block of a split tensor may have
 * bytes of many ranks: each puts its own into a block of zeros, and the sum of these blocks is the block. */
#include "tensor_digests.h"
#include "checksum.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "tensor_part.h"

#include <string.h>

enum {
    BLOCK_ELEMENTS = DIGEST_BLOCK_BYTES / sizeof(float),
    WORD_ELEMENTS = sizeof(uint64_t) / sizeof(float)
};

static size_t block_elements(size_t elements, size_t block)
{
    size_t left = elements - block * BLOCK_ELEMENTS;
    return left < BLOCK_ELEMENTS ? left : BLOCK_ELEMENTS;
}

static void digest_replicated(const struct comm *comm, const struct tensor *tensor, uint64_t *digests)
{
    size_t elements = tensor_elements(tensor);
    struct range mine = partition_range(checksum_blocks((uint64_t)elements * sizeof(float)),
                                        (size_t)comm->size, (size_t)comm->rank);
    for (size_t b = mine.first; b < mine.first + mine.count; b++) {
        digests[b] =
            digest_of(tensor->data + b * BLOCK_ELEMENTS, block_elements(elements, b) * sizeof(float));
        watch_go_on(comm);
    }
}

/* Copies what this rank holds of the elements from `first` on into its place in the block. */
static void place_own(float *block, size_t first, size_t count, const struct tensor_part *held)
{
    size_t rows = held->tensor->dims[held->row_dim];
    size_t length = held->rows.count * held->inner;
    for (size_t o = 0; o < held->outer; o++) {
        size_t mine = (o * rows + held->rows.first) * held->inner;
        size_t from = mine > first ? mine : first;
        size_t to = mine + length < first + count ? mine + length : first + count;
        if (from < to)
            memcpy(block + (from - first), held->tensor->data + o * length + (from - mine),
                   (to - from) * sizeof(float));
    }
}

static enum status digest_split(const struct comm *comm, const struct tensor *tensor, uint64_t *block,
                                uint64_t *digests, struct error *error)
{
    enum status status = STATUS_OK;
    struct tensor_part held = tensor_part_held(tensor);
    size_t elements = tensor_elements(tensor);
    size_t blocks = checksum_blocks((uint64_t)elements * sizeof(float));
    for (size_t b = 0; b < blocks; b++) {
        size_t count = block_elements(elements, b);
        memset(block, 0, DIGEST_BLOCK_BYTES);
        place_own((float *)(void *)block, b * BLOCK_ELEMENTS, count, &held);
        TRY(comm_sum_u64(comm, block, divide_up(count, WORD_ELEMENTS), error));
        if (b % (size_t)comm->size == (size_t)comm->rank)
            digests[b] = digest_of(block, count * sizeof(float));
        watch_go_on(comm);
    }
done:
    return status;
}

enum status tensor_digests_compute(struct tensor_digests *digests, const struct comm *comm,
                                   const struct snapshot *snapshot, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t *block = NULL;
    *digests = (struct tensor_digests){0};
    for (size_t t = 0; t < snapshot->tensor_count; t++)
        digests->count += checksum_blocks((uint64_t)tensor_elements(&snapshot->tensors[t]) * sizeof(float));

    status = memory_new(&digests->values, digests->count, error);
    if (status == STATUS_OK)
        status = memory_new(&block, DIGEST_BLOCK_BYTES / sizeof *block, error);
    TRY(agree_on_status(comm, status, error));

    uint64_t *next = digests->values;
    for (size_t t = 0; t < snapshot->tensor_count; t++) {
        const struct tensor *tensor = &snapshot->tensors[t];
        if (tensor->split_dim < 0)
            digest_replicated(comm, tensor, next);
        else
            TRY(digest_split(comm, tensor, block, next, error));
        next += checksum_blocks((uint64_t)tensor_elements(tensor) * sizeof(float));
    }
    TRY(comm_sum_u64(comm, digests->values, digests->count, error));
done:
    memory_free(block);
    return status;
}

void tensor_digests_free(struct tensor_digests *digests)
{
    memory_free(digests->values);
    *digests = (struct tensor_digests){0};
}
