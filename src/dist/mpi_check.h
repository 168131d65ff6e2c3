#ifndef LSTM_MPI_DIST_MPI_CHECK_H
#define LSTM_MPI_DIST_MPI_CHECK_H

#include "lstm_mpi/base/error.h"

/* Turns what an MPI function returned into a status, and on failure into an error in MPI's own words;
 * `function` is the function's name. */
MUST_CHECK enum status mpi_check(int code, const char *function, struct error *error);

#endif
