#ifndef LSTM_MPI_CLI_COMMAND_EXPORT_H
#define LSTM_MPI_CLI_COMMAND_EXPORT_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Writes the model of a checkpoint as a safetensors file. Collective: every rank comes, rank 0 works. */
MUST_CHECK enum status command_export(const struct comm *comm, struct settings *settings,
                                      struct error *error);

#endif
