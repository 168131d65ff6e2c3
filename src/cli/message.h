#ifndef LSTM_MPI_CLI_MESSAGE_H
#define LSTM_MPI_CLI_MESSAGE_H

/* The program's lines on standard error. */

#include "lstm_mpi/base/error.h"

void message_warning(const char *line);
void message_error(const struct error *error);

/* Where the process is about to end and another thread may be stuck in its output: touches no stream, and
 * waits only a few seconds for somebody to read. */
void message_last_error(const struct error *error);

#endif
