#ifndef LSTM_MPI_CLI_TARGET_FILE_H
#define LSTM_MPI_CLI_TARGET_FILE_H

#include "lstm_mpi/base/error.h"

#include <stdbool.h>

/* Fails where a command would write over a file that it was not told to give up. */
MUST_CHECK enum status target_file_check(const char *path, bool overwrite, struct error *error);

#endif
