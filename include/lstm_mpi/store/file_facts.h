#ifndef LSTM_MPI_STORE_FILE_FACTS_H
#define LSTM_MPI_STORE_FILE_FACTS_H

/* What one of this program's files says of itself, before it is read as what it is. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct file_facts {
    bool is_metrics; /* it has metrics and no model: a metrics.h5; all else is taken for a checkpoint */
    uint64_t format_version;
    char *program_version; /* NULL where the file does not say; owned, as the next one */
    char *created;
    bool has_progress;
    bool has_checksums;
    uint64_t bytes;
};

/* Fails on what is not an HDF5 file of this program and version. The caller owns what the facts hold, after a
 * failure too: file_facts_free. Not collective. */
MUST_CHECK enum status file_facts_read(struct file_facts *facts, const char *path, struct error *error);

void file_facts_free(struct file_facts *facts);

/* What HDF5 library this is: "HDF5 1.10.8". */
enum { FILE_FACTS_LIBRARY_BYTES = 32 };
void file_facts_library(char text[FILE_FACTS_LIBRARY_BYTES]);

#endif
