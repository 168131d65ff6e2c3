#ifndef LSTM_MPI_TESTS_FAILING_FILES_H
#define LSTM_MPI_TESTS_FAILING_FILES_H

/* Makes one call that changes a file fail: the program that includes this, in one source, has its own pwrite,
 * fsync, rename, … in front of the C library's, for the libraries that it uses too. A fault test counts up
 * from 0 until the work succeeds without a failure. */

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long failing_files_left = -1;
static int failing_files_number = EIO;
static char failing_files_name[32];

/* The call that follows `calls` others fails with this errno value; a negative number: none. */
static inline void failing_files_after(long calls, int error_number)
{
    failing_files_left = calls;
    failing_files_number = error_number;
    failing_files_name[0] = '\0';
}

/* The name of the call that failed; empty where none did. */
static inline const char *failing_files_failed(void)
{
    return failing_files_name;
}

/* Writing to memory does not fail. HDF5 1.10 writes its 48 bytes at the head of a shared file anew when it is
 * closed, and crashes in MPI_Finalize where that fails: no test can let it. */
static bool failing_files_spared(int file, size_t bytes, off_t offset)
{
    char link_path[64], target[64];
    enum { SUPERBLOCK_BYTES = 48 };
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link_path, target, sizeof target);
    bool memory = length > 7 && memcmp(target, "/memfd:", 7) == 0;
    return memory || (offset == 0 && bytes == SUPERBLOCK_BYTES);
}

/* The pwrite that follows `calls` others says that all went well, and writes nothing; a negative number:
 * none. */
static long failing_files_losing = -1;

static inline void failing_files_lose_after(long calls)
{
    failing_files_losing = calls;
}

static bool failing_files_lost(int file, size_t bytes, off_t offset)
{
    return !failing_files_spared(file, bytes, offset) && failing_files_losing >= 0 &&
           failing_files_losing-- == 0;
}

/* A place for a breakpoint. */
static bool failing_files_now(const char *name)
{
    if (failing_files_left < 0 || failing_files_left-- > 0)
        return false;
    snprintf(failing_files_name, sizeof failing_files_name, "%s", name);
    errno = failing_files_number;
    return true;
}

#define FAILING_FILES_CALL(type, failure, name, parameters, arguments, spared) \
    FAILING_FILES_LOSING_CALL(type, failure, name, parameters, arguments, spared, false, 0)

#define FAILING_FILES_LOSING_CALL(type, failure, name, parameters, arguments, spared, lost, success) \
    type name parameters;                                                                            \
    type name parameters                                                                             \
    {                                                                                                \
        type(*real) parameters;                                                                      \
        void *symbol = dlsym(RTLD_NEXT, #name);                                                      \
        memcpy(&real, &symbol, sizeof real);                                                         \
        if (!(spared) && failing_files_now(#name))                                                   \
            return failure;                                                                          \
        if (lost)                                                                                    \
            return success;                                                                          \
        return real arguments;                                                                       \
    }

FAILING_FILES_LOSING_CALL(ssize_t, -1, pwrite, (int file, const void *data, size_t bytes, off_t offset),
                          (file, data, bytes, offset), failing_files_spared(file, bytes, offset),
                          failing_files_lost(file, bytes, offset), (ssize_t)bytes)
FAILING_FILES_CALL(int, -1, ftruncate, (int file, off_t bytes), (file, bytes),
                   failing_files_spared(file, 0, 1))
FAILING_FILES_CALL(int, failing_files_number, posix_fallocate, (int file, off_t offset, off_t bytes),
                   (file, offset, bytes), false)
FAILING_FILES_CALL(int, -1, fsync, (int file), (file), false)
FAILING_FILES_CALL(int, -1, rename, (const char *from, const char *to), (from, to), false)
FAILING_FILES_CALL(int, -1, linkat,
                   (int from_folder, const char *from, int to_folder, const char *to, int flags),
                   (from_folder, from, to_folder, to, flags), false)

#endif
