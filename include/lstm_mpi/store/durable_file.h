#ifndef LSTM_MPI_STORE_DURABLE_FILE_H
#define LSTM_MPI_STORE_DURABLE_FILE_H

/* A file that appears whole or not at all: written as PATH.part, then given its name. One process begins,
 * fills and commits it; others may join in the writing, before it is filled or after. Errors name PATH and
 * say what the system said. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DURABLE_FILE_SUFFIX ".part"

struct durable_file {
    char *path;
    char *part;     /* where to write until the commit */
    int descriptor; /* of `part`, from before the first byte on: the system tells it of every write that is
                       lost */
};

/* Makes the names, removes what a killed run left of PATH.part, and opens an empty one. */
MUST_CHECK enum status durable_file_begin(struct durable_file *file, const char *path, struct error *error);

/* Whether this process has a limit of file sizes. */
bool durable_file_has_limit(void);

/* Fails where the limit of file sizes does not leave this process so many bytes. HDF5 does not survive it
 * when a file cannot be written, not even one in memory, to which the limit applies too: so this comes first.
 */
MUST_CHECK enum status durable_file_check_limit(const char *path, uint64_t bytes, struct error *error);

/* Makes the names, and opens the PATH.part that another process has begun. */
MUST_CHECK enum status durable_file_join(struct durable_file *file, const char *path, struct error *error);

/* Opens PATH.part so many times at once, 64 at the most, and closes it again: what another library is going
 * to do, where a failure would be worse. */
MUST_CHECK enum status durable_file_try(const struct durable_file *file, size_t times, struct error *error);

/* Writes these bytes of PATH.part. */
MUST_CHECK enum status durable_file_write(const struct durable_file *file, const void *data, size_t bytes,
                                          uint64_t offset_bytes, struct error *error);

/* Makes PATH.part a copy of the file that is open as `source`. Takes room on the disk for all of it first,
 * its holes too, so that writing into them later cannot fail for want of it. */
MUST_CHECK enum status durable_file_fill(const struct durable_file *file, int source, struct error *error);

/* The file's bytes so far. */
MUST_CHECK enum status durable_file_size(const struct durable_file *file, uint64_t *bytes,
                                         struct error *error);

/* Lets the system begin to bring these bytes to the disk, as far as it can do that by the way. */
void durable_file_begin_sync(const struct durable_file *file, uint64_t offset_bytes, size_t bytes);

/* Fails unless the file has these bytes at this place. */
MUST_CHECK enum status durable_file_compare(const struct durable_file *file, const void *data, size_t bytes,
                                            uint64_t offset_bytes, struct error *error);

/* Brings to the disk what this host has written. */
MUST_CHECK enum status durable_file_sync(const struct durable_file *file, struct error *error);

/* Brings PATH.part, which all others have closed, to the disk and gives it its name in place of the former
 * file. */
MUST_CHECK enum status durable_file_commit(struct durable_file *file, struct error *error);

/* Brings the name of a new file or folder to the disk: the folder that it is in. The path is as before
 * afterwards. Returns 0 or an errno value. */
int durable_file_sync_name(char *path);

/* Removes PATH.part where it is still there, as after a failure. */
void durable_file_remove(const struct durable_file *file);

/* Frees the names and closes; an all-zero struct is fine. */
void durable_file_free(struct durable_file *file);

#endif
