#include "lstm_mpi/store/readable.h"
#include "lstm_mpi/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* By far more than HDF5 needs to open a file. */
enum { BUFFER_BYTES = 1 << 24 };

/* Returns 0 or an errno value. */
static int read_to_the_end(int descriptor, char *buffer)
{
    off_t offset = 0;
    for (;;) {
        ssize_t got = pread(descriptor, buffer, BUFFER_BYTES, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        offset += got;
    }
}

enum status readable_check(const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    char *buffer = NULL;
    struct stat facts;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT)
        return STATUS_OK;
    if (descriptor < 0 || fstat(descriptor, &facts) != 0)
        TRY(error_system(error, errno, "cannot read %s", path));
    TRY(memory_new(&buffer, BUFFER_BYTES, error));
    int failure = S_ISREG(facts.st_mode) ? read_to_the_end(descriptor, buffer) : 0;
    if (failure != 0)
        TRY(error_system(error, failure, "cannot read %s", path));
done:
    memory_free(buffer);
    if (descriptor >= 0)
        close(descriptor);
    return status;
}
