#ifndef LSTM_MPI_DIST_COMM_HANDLE_H
#define LSTM_MPI_DIST_COMM_HANDLE_H

#include "lstm_mpi/dist/comm.h"

#include <mpi.h>

/* A plain duplicate of MPI_COMM_WORLD, for libraries that do their own communication; a view, valid until
 * comm_finish. */
MPI_Comm comm_library_handle(const struct comm *comm);

#endif
