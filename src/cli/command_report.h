#ifndef LSTM_MPI_CLI_COMMAND_REPORT_H
#define LSTM_MPI_CLI_COMMAND_REPORT_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* Writes a page of some runs. Collective: every rank helps to verify the files, rank 0 does the rest. */
MUST_CHECK enum status command_report(const struct comm *comm, struct settings *settings,
                                      struct error *error);

#endif
