#ifndef LSTM_MPI_CLI_COMMAND_CHECK_H
#define LSTM_MPI_CLI_COMMAND_CHECK_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Tests the gradients of a network, of a checkpoint or a fresh one, and whether it learns a batch by heart.
 * Fails where they do. Collective. */
MUST_CHECK enum status command_check(const struct comm *comm, struct settings *settings, struct error *error);

#endif
