#ifndef LSTM_MPI_STORE_METRICS_TABLE_H
#define LSTM_MPI_STORE_METRICS_TABLE_H

/* Private to this room: /metrics, the same in a checkpoint and in metrics.h5. */

#include "dataset_list.h"
#include "lstm_mpi/store/history.h"

/* Adds the datasets of /metrics to those that will be written. */
MUST_CHECK enum status metrics_table_add(struct dataset_list *list, const struct history *history,
                                         struct error *error);

/* Reads /metrics into an empty history. */
void metrics_table_read(struct h5 *h5, struct history *history);

#endif
