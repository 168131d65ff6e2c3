/* Invariants:
 *
 * 1. Nothing is ever written to a file under its final name.
 * 2. A file gets its final name only after its last byte is on the disk (fsync before rename).
 * 3. The final name, once it exists, exists at every moment: rename replaces the old file by the new.
 * 4. When the commit returns STATUS_OK the new file is there after a power cut too: its folder was synced.
 * 5. After a failure there is no PATH.part. After a kill there may be one: it is never read, and the next
 *    writer of PATH, or the next claim of the folder, removes it.
 */
#include "durable_file.h"
#include "lstm_mpi/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status cannot_write(const struct durable_file *file, int error_number, struct error *error)
{
    error_system(error, error_number, "cannot write %s", file->path);
    if (error_number == ENOSPC || error_number == EDQUOT)
        error_remedy(error, "make room, or take another folder");
    return error->status;
}

enum status durable_file_name(struct durable_file *file, const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    *file = (struct durable_file){0};
    size_t bytes = strlen(path) + sizeof DURABLE_FILE_SUFFIX;
    TRY(memory_copy_text(&file->path, path, error));
    TRY(memory_new(&file->part, bytes, error));
    snprintf(file->part, bytes, "%s%s", path, DURABLE_FILE_SUFFIX);
done:
    return status;
}

enum status durable_file_begin(struct durable_file *file, const char *path, struct error *error)
{
    enum status status = durable_file_name(file, path, error);
    if (status != STATUS_OK)
        return status;
    if (unlink(file->part) != 0 && errno != ENOENT)
        return cannot_write(file, errno, error);
    int descriptor = open(file->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 || close(descriptor) != 0)
        return cannot_write(file, errno, error);
    return STATUS_OK;
}

enum status durable_file_reserve(const struct durable_file *file, uint64_t bytes, struct error *error)
{
    int descriptor = open(file->part, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return cannot_write(file, errno, error);
    int failure;
    do {
        failure = posix_fallocate(descriptor, 0, (off_t)bytes);
    } while (failure == EINTR);
    /* A file system that cannot reserve must do without. */
    if (failure == EOPNOTSUPP || failure == EINVAL || failure == ENOSYS)
        failure = 0;
    if (close(descriptor) != 0 && failure == 0)
        failure = errno;
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

/* Returns 0 or an errno value. */
static int sync_path(const char *path, int flags)
{
    int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    int failure = fsync(descriptor) == 0 ? 0 : errno;
    if (close(descriptor) != 0 && failure == 0)
        failure = errno;
    return failure;
}

static int sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return sync_path(".", O_RDONLY | O_DIRECTORY);
    if (slash == path)
        return sync_path("/", O_RDONLY | O_DIRECTORY);
    *slash = '\0';
    int failure = sync_path(path, O_RDONLY | O_DIRECTORY);
    *slash = '/';
    return failure;
}

enum status durable_file_commit(struct durable_file *file, struct error *error)
{
    int failure = sync_path(file->part, O_RDWR);
    if (failure != 0)
        return cannot_write(file, failure, error);
    if (rename(file->part, file->path) != 0)
        return cannot_write(file, errno, error);
    failure = sync_folder_of(file->path);
    /* Some file systems have no sync for folders. */
    if (failure == EINVAL || failure == EOPNOTSUPP)
        failure = 0;
    return failure == 0 ? STATUS_OK : cannot_write(file, failure, error);
}

void durable_file_remove(const struct durable_file *file)
{
    if (file->part)
        unlink(file->part);
}

void durable_file_free(struct durable_file *file)
{
    memory_free(file->part);
    memory_free(file->path);
    *file = (struct durable_file){0};
}
