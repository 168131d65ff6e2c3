#ifndef LSTM_MPI_STORE_READABLE_H
#define LSTM_MPI_STORE_READABLE_H

#include "lstm_mpi/base/error.h"

/* Fails where the system does not give all bytes of a file now, or not the memory that it takes to look at
 * them: what was found wrong with the file may then be no damage. A file that is not there, and what is no
 * regular file, has no bytes that could not be read. Reads the whole file. Not collective. */
MUST_CHECK enum status readable_check(const char *path, struct error *error);

#endif
