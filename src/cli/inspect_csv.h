#ifndef LSTM_MPI_CLI_INSPECT_CSV_H
#define LSTM_MPI_CLI_INSPECT_CSV_H

#include "comparison.h"
#include "inspection.h"

#include <stdio.h>

/* For spreadsheets: a line for each epoch below a line of names; a column of each rank where metrics.h5 has
 * a matrix (rank_wait_seconds_0, …); numbers that are not finite are left empty. With the vocabulary, that
 * instead: id, token, code_point, count. Quoted as RFC 4180 has it, lines end with a newline alone. */
MUST_CHECK enum status inspect_csv(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                                   struct error *error);

/* Of two checkpoints: a line for each tensor. */
MUST_CHECK enum status inspect_csv_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                                       struct error *error);

#endif
