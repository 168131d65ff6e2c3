/* Invariants:
 *
 * 1. Nothing is ever written to a file under its final name.
 * 2. A file gets its final name only after its last byte is on the disk (fsync before rename).
 * 3. The final name, once it exists, exists at every moment: rename replaces the old file by the new.
 * 4. When the commit returns STATUS_OK the new file is there after a power cut too: its folder was synced.
 * 5. Only a PATH.part that this process made gets the final name or is removed: the folder behind the path
 * may have become another one meanwhile, in which another process writes.
 * 6. After a failure there is no PATH.part. After a kill there may be one: it is never read, and the next
 *    writer of PATH, or the next claim of the folder, removes it.
 */
#include "lstm_mpi/store/durable_file.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/same_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status cannot_write(const struct durable_file *file, int error_number, struct error *error)
{
    return error_system(error, error_number, "cannot write %s", file->path);
}

static enum status name_file(struct durable_file *file, const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    *file = (struct durable_file){.descriptor = -1};
    size_t bytes = strlen(path) + sizeof DURABLE_FILE_SUFFIX;
    TRY(memory_copy_text(&file->path, path, error));
    TRY(memory_new(&file->part, bytes, error));
    snprintf(file->part, bytes, "%s%s", path, DURABLE_FILE_SUFFIX);
done:
    return status;
}

/* RLIM_INFINITY: there is none. */
static rlim_t size_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

bool durable_file_has_limit(void)
{
    return size_limit() != RLIM_INFINITY;
}

enum status durable_file_check_limit(const char *path, uint64_t bytes, struct error *error)
{
    if (bytes <= size_limit())
        return STATUS_OK;
    return error_system(error, EFBIG, "cannot write %s", path);
}

enum status durable_file_begin(struct durable_file *file, const char *path, struct error *error)
{
    enum status status = name_file(file, path, error);
    if (status != STATUS_OK)
        return status;
    if (unlink(file->part) != 0 && errno != ENOENT)
        return cannot_write(file, errno, error);
    file->descriptor = open(file->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return file->descriptor >= 0 ? STATUS_OK : cannot_write(file, errno, error);
}

enum status durable_file_join(struct durable_file *file, const char *path, struct error *error)
{
    enum status status = name_file(file, path, error);
    if (status != STATUS_OK)
        return status;
    file->descriptor = open(file->part, O_RDWR | O_CLOEXEC);
    return file->descriptor >= 0 ? STATUS_OK : cannot_write(file, errno, error);
}

enum status durable_file_try(const struct durable_file *file, size_t times, struct error *error)
{
    enum { MOST = 64 };
    int descriptors[MOST];
    size_t opened = 0;
    int failure = 0;
    while (opened < times && opened < MOST && failure == 0) {
        descriptors[opened] = open(file->part, O_RDWR | O_CLOEXEC);
        if (descriptors[opened] < 0)
            failure = errno;
        else
            opened++;
    }
    while (opened > 0)
        (void)close(descriptors[--opened]);
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

/* The functions below return 0 or an errno value. */

static int reserve(int descriptor, off_t bytes)
{
    int failure = 0;
    do {
        if (bytes > 0)
            failure = posix_fallocate(descriptor, 0, bytes);
    } while (failure == EINTR);
    /* A file system that cannot reserve must do without. */
    bool impossible = failure == EOPNOTSUPP || failure == EINVAL || failure == ENOSYS;
    return impossible ? 0 : failure;
}

static int write_all(int descriptor, const char *data, size_t bytes, off_t offset)
{
    while (bytes > 0) {
        ssize_t put = pwrite(descriptor, data, bytes, offset);
        if (put < 0 && errno != EINTR)
            return errno;
        if (put > 0) {
            data += put;
            offset += put;
            bytes -= (size_t)put;
        }
    }
    return 0;
}

enum status durable_file_write(const struct durable_file *file, const void *data, size_t bytes,
                               uint64_t offset_bytes, struct error *error)
{
    int failure = write_all(file->descriptor, data, bytes, (off_t)offset_bytes);
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

static int copy_stretch(int to, int from, off_t offset, off_t end)
{
    enum { BUFFER_BYTES = 1 << 16 };
    char buffer[BUFFER_BYTES];
    int failure = 0;
    while (offset < end && failure == 0) {
        size_t bytes = end - offset < BUFFER_BYTES ? (size_t)(end - offset) : BUFFER_BYTES;
        ssize_t got = pread(from, buffer, bytes, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : EIO;
        failure = write_all(to, buffer, (size_t)got, offset);
        offset += got;
    }
    return failure;
}

/* Holes stay as they are. */
static int copy(int to, int from)
{
    struct stat facts;
    if (fstat(from, &facts) != 0)
        return errno;
    int failure = reserve(to, facts.st_size);
    if (failure == 0 && ftruncate(to, facts.st_size) != 0)
        failure = errno;
    off_t data = 0;
    while (failure == 0 && data < facts.st_size) {
        data = lseek(from, data, SEEK_DATA);
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            return errno == ENXIO ? 0 : errno; /* ENXIO: nothing but a hole from here on */
        failure = copy_stretch(to, from, data, hole);
        data = hole;
    }
    return failure;
}

enum status durable_file_fill(const struct durable_file *file, int source, struct error *error)
{
    int failure = copy(file->descriptor, source);
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

enum status durable_file_size(const struct durable_file *file, uint64_t *bytes, struct error *error)
{
    struct stat facts;
    if (fstat(file->descriptor, &facts) != 0)
        return cannot_write(file, errno, error);
    *bytes = (uint64_t)facts.st_size;
    return STATUS_OK;
}

void durable_file_begin_sync(const struct durable_file *file, uint64_t offset_bytes, size_t bytes)
{
    int result = sync_file_range(file->descriptor, (off_t)offset_bytes, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
    (void)result; /* it only saves time: the sync tells of failures */
}

enum status durable_file_compare(const struct durable_file *file, const void *data, size_t bytes,
                                 uint64_t offset_bytes, struct error *error)
{
    enum { BUFFER_BYTES = 1 << 16 };
    char buffer[BUFFER_BYTES];
    const char *expected = data;
    while (bytes > 0) {
        ssize_t got =
            pread(file->descriptor, buffer, bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES, (off_t)offset_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cannot_write(file, errno, error);
        if (got == 0 || memcmp(buffer, expected, (size_t)got) != 0) {
            error_set(error, STATUS_FAILED, "cannot write %s", file->path);
            error_why(error, "it does not read back as it was written");
            return error_remedy(error, "check the disk, or take another folder");
        }
        expected += got;
        offset_bytes += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return STATUS_OK;
}

enum status durable_file_sync(const struct durable_file *file, struct error *error)
{
    return fsync(file->descriptor) == 0 ? STATUS_OK : cannot_write(file, errno, error);
}

static int sync_folder(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    int failure = fsync(descriptor) == 0 ? 0 : errno;
    if (close(descriptor) != 0 && failure == 0)
        failure = errno;
    return failure;
}

int durable_file_sync_name(char *path)
{
    int failure;
    char *slash = strrchr(path, '/');
    if (!slash) {
        failure = sync_folder(".");
    } else if (slash == path) {
        failure = sync_folder("/");
    } else {
        *slash = '\0';
        failure = sync_folder(path);
        *slash = '/';
    }
    /* Some file systems have no sync for folders. */
    return failure == EINVAL || failure == EOPNOTSUPP ? 0 : failure;
}

static bool has_part(const struct durable_file *file)
{
    struct stat own, now;
    return file->part && file->descriptor >= 0 && fstat(file->descriptor, &own) == 0 &&
           stat(file->part, &now) == 0 && same_file(&own, &now);
}

enum status durable_file_commit(struct durable_file *file, struct error *error)
{
    enum status status = durable_file_sync(file, error);
    if (status != STATUS_OK)
        return status;
    if (!has_part(file)) {
        error_set(error, STATUS_FAILED, "cannot write %s", file->path);
        error_why(error, "%s is not there any more, or another one", file->part);
        return error_remedy(error, "leave the folder and its files as they are while a run is at work");
    }
    if (rename(file->part, file->path) != 0)
        return cannot_write(file, errno, error);
    int failure = durable_file_sync_name(file->path);
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

void durable_file_remove(const struct durable_file *file)
{
    if (has_part(file))
        unlink(file->part);
}

void durable_file_free(struct durable_file *file)
{
    if (file->path && file->descriptor >= 0)
        close(file->descriptor);
    memory_free(file->part);
    memory_free(file->path);
    *file = (struct durable_file){0};
}
