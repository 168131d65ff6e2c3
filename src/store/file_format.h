#ifndef LSTM_MPI_STORE_FILE_FORMAT_H
#define LSTM_MPI_STORE_FILE_FORMAT_H

/* Private to this room: what every file of this program says of itself, in attributes of its root. */

#include "h5.h"

void file_format_put(struct h5 *h5);

/* Fails on a file of another kind; on one of another version with an error that is `not_judged`. */
void file_format_check(struct h5 *h5);

#endif
