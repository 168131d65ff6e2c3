#ifndef LSTM_MPI_REPORT_RANK_CHARTS_H
#define LSTM_MPI_REPORT_RANK_CHARTS_H

#include "lstm_mpi/report/report.h"

/* Writes figures of where the ranks of a run spent their time: computing and waiting over the epochs, and the
 * mean of each rank. `epochs` are the numbers of the history's records. */
MUST_CHECK enum status rank_charts_write(FILE *out, const struct report_run *run, const double *epochs,
                                         struct error *error);

#endif
