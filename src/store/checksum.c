#include "checksum.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Digests are taken of memory and compared with those of the file's bytes. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian");

static const char checksum_group[] = "/checksum";

size_t checksum_blocks(uint64_t bytes)
{
    return (size_t)(bytes / DIGEST_BLOCK_BYTES + (bytes % DIGEST_BLOCK_BYTES > 0));
}

enum { CHECKSUM_PATH_BYTES = H5_PATH_BYTES + sizeof checksum_group };

static void checksum_path(char path[CHECKSUM_PATH_BYTES], const char *of)
{
    snprintf(path, CHECKSUM_PATH_BYTES, "%s%s", checksum_group, of);
}

enum status checksum_add(struct dataset_list *list, const char *path, const uint64_t *digests, size_t blocks,
                         struct error *error)
{
    char name[CHECKSUM_PATH_BYTES];
    checksum_path(name, path);
    uint64_t *data;
    enum status status = dataset_list_add(list, name, H5T_STD_U64LE, sizeof *data, &blocks, 1, &data, error);
    if (status == STATUS_OK && blocks > 0)
        memcpy(data, digests, blocks * sizeof *data);
    return status;
}

static size_t block_bytes(uint64_t bytes, size_t block)
{
    uint64_t left = bytes - (uint64_t)block * DIGEST_BLOCK_BYTES;
    return left < DIGEST_BLOCK_BYTES ? (size_t)left : DIGEST_BLOCK_BYTES;
}

enum status checksum_add_all(struct dataset_list *list, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t *digests = NULL;
    size_t capacity = 0;
    for (size_t i = 0, count = list->count; i < count; i++) {
        struct dataset item = list->items[i];
        size_t blocks = checksum_blocks(item.bytes);
        TRY(memory_grow(&digests, &capacity, blocks, error));
        for (size_t b = 0; b < blocks; b++)
            digests[b] =
                digest_of((const char *)item.data + b * DIGEST_BLOCK_BYTES, block_bytes(item.bytes, b));
        TRY(checksum_add(list, item.path, digests, blocks, error));
    }
done:
    memory_free(digests);
    return status;
}

/* What a dataset's bytes in the file must be. */
struct expected {
    char path[H5_PATH_BYTES];
    uint64_t offset;
    uint64_t bytes;
    size_t first_block; /* its place among the blocks of all datasets */
};

struct verification {
    bool demanded;
    struct expected *datasets;
    size_t count;
    size_t capacity;
    uint64_t *digests; /* of all blocks, the datasets behind each other */
    size_t blocks;
    size_t digest_capacity;
};

static void read_digests(struct h5 *h5, const char *path, size_t blocks, struct verification *verification)
{
    struct h5_dataset checksums = h5_open_dataset(h5, path);
    if (h5->status == STATUS_OK &&
        (checksums.type_class != H5T_INTEGER || checksums.dim_count != 1 || checksums.dims[0] != blocks))
        h5_fail(h5, "%s is not a list of %zu checksums", path, blocks);
    if (h5->status == STATUS_OK)
        h5->status = memory_grow(&verification->digests, &verification->digest_capacity,
                                 verification->blocks + blocks, h5->error);
    if (h5->status == STATUS_OK)
        h5_read_all(h5, &checksums, H5T_NATIVE_UINT64, verification->digests + verification->blocks);
    h5_close_dataset(h5, &checksums);
}

static void note_dataset(struct h5 *h5, const char *path, void *context)
{
    struct verification *verification = context;
    /* Opening it lets HDF5 check its header, that of a list of checksums too. */
    struct h5_dataset dataset = h5_open_dataset(h5, path);
    h5_close_dataset(h5, &dataset);
    if (h5->status != STATUS_OK)
        return;
    if (strncmp(path, checksum_group, sizeof checksum_group - 1) == 0) {
        const char *of = path + sizeof checksum_group - 1;
        if (verification->demanded && !h5_exists(h5, of))
            h5_fail(h5, "it has no %s", of);
        return;
    }

    char name[CHECKSUM_PATH_BYTES];
    checksum_path(name, path);
    if (!h5_exists(h5, name)) {
        if (verification->demanded)
            h5_fail(h5, "%s has no checksums", path);
        return;
    }
    if (!dataset.contiguous) {
        h5_fail(h5, "%s has checksums but does not lie in one piece", path);
        return;
    }
    size_t blocks = checksum_blocks(dataset.bytes);
    read_digests(h5, name, blocks, verification);
    if (h5->status == STATUS_OK)
        h5->status =
            memory_grow(&verification->datasets, &verification->capacity, verification->count + 1, h5->error);
    if (h5->status != STATUS_OK)
        return;
    struct expected *expected = &verification->datasets[verification->count++];
    *expected = (struct expected){
        .offset = dataset.offset_bytes, .bytes = dataset.bytes, .first_block = verification->blocks};
    memcpy(expected->path, path, strlen(path) + 1);
    verification->blocks += blocks;
}

/* Returns false at the end of the file too. */
static bool read_at(int descriptor, char *data, size_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t got = pread(descriptor, data, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        data += got;
        bytes -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

static void verify_block(struct h5 *h5, int descriptor, const struct expected *expected, size_t block,
                         uint64_t digest, char *buffer)
{
    size_t bytes = block_bytes(expected->bytes, block);
    errno = 0;
    if (!read_at(descriptor, buffer, bytes, expected->offset + (uint64_t)block * DIGEST_BLOCK_BYTES))
        h5_fail(h5, "%s cannot be read: %s", expected->path, errno ? strerror(errno) : "the file ends");
    else if (digest_of(buffer, bytes) != digest)
        h5_fail(h5, "its data is damaged: %s, block %zu of %zu, does not match its checksum", expected->path,
                block + 1, checksum_blocks(expected->bytes));
}

static void verify_share(struct h5 *h5, struct range share, const struct verification *verification)
{
    char *buffer = NULL;
    int descriptor = open(h5->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        h5_fail(h5, "%s", strerror(errno));
    if (h5->status == STATUS_OK)
        h5->status = memory_new(&buffer, DIGEST_BLOCK_BYTES, h5->error);
    for (size_t d = 0; d < verification->count; d++) {
        const struct expected *expected = &verification->datasets[d];
        size_t blocks = checksum_blocks(expected->bytes);
        for (size_t b = 0; b < blocks && h5->status == STATUS_OK; b++) {
            size_t place = expected->first_block + b;
            if (place >= share.first && place < share.first + share.count)
                verify_block(h5, descriptor, expected, b, verification->digests[place], buffer);
        }
    }
    memory_free(buffer);
    if (descriptor >= 0)
        close(descriptor);
}

void checksum_verify(struct h5 *h5, const struct comm *comm, bool demanded)
{
    struct verification verification = {.demanded = demanded};
    h5_read_dataset_paths(h5, note_dataset, &verification);
    if (h5->status == STATUS_OK)
        verify_share(h5, partition_range(verification.blocks, (size_t)comm->size, (size_t)comm->rank),
                     &verification);
    memory_free(verification.datasets);
    memory_free(verification.digests);
}
