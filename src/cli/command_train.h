#ifndef LSTM_MPI_CLI_COMMAND_TRAIN_H
#define LSTM_MPI_CLI_COMMAND_TRAIN_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Trains a model, from a fresh start or from a checkpoint, and shows how it goes. Collective. */
MUST_CHECK enum status command_train(const struct comm *comm, struct settings *settings, struct error *error);

#endif
