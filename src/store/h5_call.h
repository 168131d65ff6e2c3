#ifndef LSTM_MPI_STORE_H5_CALL_H
#define LSTM_MPI_STORE_H5_CALL_H

/* Private to h5.c and h5_read.c: how each HDF5 call is checked. */

#include "h5.h"

/* One HDF5 call on `object`, made only while there is no error; negative after a failure. */
#define CALL(call) (h5->status == STATUS_OK ? h5_checked(h5, (call), object) : -1)
hid_t h5_checked(struct h5 *h5, hid_t result, const char *object);

/* What HDF5 says of the call that failed last. */
void h5_library_text(char text[ERROR_TEXT_BYTES]);

/* Closes an identifier of any kind; those that are none are fine. */
void h5_close_identifier(struct h5 *h5, hid_t identifier, const char *object);

/* The spaces of a slab in memory and in the file. */
struct h5_selection {
    hid_t memory;
    hid_t file;
};
struct h5_selection h5_select_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first,
                                   const size_t *count);

#endif
