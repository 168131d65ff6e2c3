#ifndef LSTM_MPI_BASE_PARTITION_H
#define LSTM_MPI_BASE_PARTITION_H

#include <stddef.h>

/* Consecutive items [first, first + count). */
struct range {
    size_t first;
    size_t count;
};

/* The range of part `part` when `items` are dealt over `parts` in consecutive blocks; those that do not
 * divide evenly go to the lower parts, one more each. */
struct range partition_range(size_t items, size_t parts, size_t part);

#endif
