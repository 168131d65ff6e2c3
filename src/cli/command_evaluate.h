#ifndef LSTM_MPI_CLI_COMMAND_EVALUATE_H
#define LSTM_MPI_CLI_COMMAND_EVALUATE_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Prints how likely the model of a checkpoint finds a text, or each of its lines. Collective. */
MUST_CHECK enum status command_evaluate(const struct comm *comm, struct settings *settings,
                                        struct error *error);

#endif
