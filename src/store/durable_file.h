#ifndef LSTM_MPI_STORE_DURABLE_FILE_H
#define LSTM_MPI_STORE_DURABLE_FILE_H

/* A file that appears whole or not at all: written as PATH.part, then given its name. One process calls
 * these functions, not all ranks. Errors name PATH and say what the system said. */

#include "lstm_mpi/base/error.h"

#include <stdint.h>

#define DURABLE_FILE_SUFFIX ".part"

struct durable_file {
    char *path;
    char *part; /* where to write until the commit */
};

/* Makes the names, for a process that takes part in the writing but does not begin it. */
MUST_CHECK enum status durable_file_name(struct durable_file *file, const char *path, struct error *error);

/* Makes the names, removes what a killed run left of PATH.part, and shows with an empty PATH.part that one
 * can be written. */
MUST_CHECK enum status durable_file_begin(struct durable_file *file, const char *path, struct error *error);

/* Makes PATH.part a copy of the file that is open as `source`. Takes room on the disk for all of it first,
 * its holes too, so that writing into them later cannot fail for want of it. */
MUST_CHECK enum status durable_file_fill(const struct durable_file *file, int source, struct error *error);

/* Brings PATH.part, which all have closed, to the disk and gives it its name in place of the former file. */
MUST_CHECK enum status durable_file_commit(struct durable_file *file, struct error *error);

/* Removes PATH.part where it is still there, as after a failure. */
void durable_file_remove(const struct durable_file *file);

/* Frees the names; an all-zero struct is fine. */
void durable_file_free(struct durable_file *file);

#endif
