#ifndef LSTM_MPI_BENCHMARK_RUN_H
#define LSTM_MPI_BENCHMARK_RUN_H

#include "lstm_mpi/dist/comm.h"

#include <stdbool.h>

/* Starts BLIS, if it is used, and MPI, runs `benchmark` on every rank, and says under `name` what failed.
 * Returns the exit status. */
int benchmark_run(const char *name, bool uses_blis,
                  enum status (*benchmark)(void *context, const struct comm *comm, struct error *error),
                  void *context);

#endif
