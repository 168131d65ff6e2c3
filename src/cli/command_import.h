#ifndef LSTM_MPI_CLI_COMMAND_IMPORT_H
#define LSTM_MPI_CLI_COMMAND_IMPORT_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Makes a checkpoint of a safetensors file. Collective: every rank reads it, and writes its part. */
MUST_CHECK enum status command_import(const struct comm *comm, struct settings *settings,
                                      struct error *error);

#endif
