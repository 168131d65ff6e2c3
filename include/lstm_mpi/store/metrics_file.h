#ifndef LSTM_MPI_STORE_METRICS_FILE_H
#define LSTM_MPI_STORE_METRICS_FILE_H

#include "lstm_mpi/store/history.h"

/* Writes the history to `path`, anew and whole: the former file stays until the new one is on the disk. One
 * process calls it. */
MUST_CHECK enum status metrics_file_write(const char *path, const struct history *history,
                                          struct error *error);

/* Reads it into an empty history; the caller owns what it holds, after a failure too: history_free. */
MUST_CHECK enum status metrics_file_read(struct history *history, const char *path, struct error *error);

#endif
