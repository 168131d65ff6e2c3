#ifndef LSTM_MPI_TRAIN_STOP_H
#define LSTM_MPI_TRAIN_STOP_H

#include "lstm_mpi/base/error.h"

/* From now on SIGTERM, SIGINT and SIGUSR1 ask for a stop instead of ending the process. The request stays. */
MUST_CHECK enum status stop_on_signals(struct error *error);

/* From now on they end the process again. One that has come meanwhile does so now. */
void stop_release_signals(void);

/* The signal that asked this rank to stop; 0: none did. */
int stop_signal(void);

#endif
