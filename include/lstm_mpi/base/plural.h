#ifndef LSTM_MPI_BASE_PLURAL_H
#define LSTM_MPI_BASE_PLURAL_H

#include <stdint.h>

/* What follows a noun, for a number before it: "%zu row%s". */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
