#ifndef LSTM_MPI_CLI_COMMAND_INSPECT_H
#define LSTM_MPI_CLI_COMMAND_INSPECT_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Prints what is in a checkpoint, a metrics file or a run directory. Collective: every rank comes, rank 0
 * works. */
MUST_CHECK enum status command_inspect(const struct comm *comm, struct settings *settings,
                                       struct error *error);

#endif
