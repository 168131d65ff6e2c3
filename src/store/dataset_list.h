#ifndef LSTM_MPI_STORE_DATASET_LIST_H
#define LSTM_MPI_STORE_DATASET_LIST_H

/* Private to this room: the small datasets of a file, collected so that their checksums can join them. */

#include "h5.h"

struct dataset {
    char path[H5_PATH_BYTES];
    hid_t type; /* in memory and in the file; a view */
    size_t dims[2];
    size_t dim_count;
    size_t bytes;
    void *data;
};

struct dataset_list {
    struct dataset *items;
    size_t count;
    size_t capacity;
};

/* Adds a dataset. `*data` is its memory, zeroed, for the caller to fill; the list owns it. */
MUST_CHECK enum status dataset_list_add(struct dataset_list *list, const char *path, hid_t type,
                                        size_t element_bytes, const size_t *dims, size_t dim_count,
                                        void *data, struct error *error);

/* Makes them in the file, with what is in them. */
void dataset_list_write(const struct dataset_list *list, struct h5 *h5);

void dataset_list_free(struct dataset_list *list);

#endif
