#ifndef LSTM_MPI_CLI_CLI_H
#define LSTM_MPI_CLI_CLI_H

#include "lstm_mpi/base/error.h"

/* The whole program: starts the ranks, reads the command line, runs its command, prints an error once, and
 * finishes the ranks. Returns the exit status. Every rank calls it with the same arguments. */
enum status cli_main(int argc, const char **argv);

#endif
