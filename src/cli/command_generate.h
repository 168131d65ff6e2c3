#ifndef LSTM_MPI_CLI_COMMAND_GENERATE_H
#define LSTM_MPI_CLI_COMMAND_GENERATE_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Prints a text that the model of a checkpoint makes. Collective: every rank comes, rank 0 works. */
MUST_CHECK enum status command_generate(const struct comm *comm, struct settings *settings,
                                        struct error *error);

#endif
