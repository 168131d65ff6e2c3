#ifndef LSTM_MPI_BASE_DIVIDE_UP_H
#define LSTM_MPI_BASE_DIVIDE_UP_H

#include <stddef.h>

/* How many pieces of at most `piece` hold `whole`. */
static inline size_t divide_up(size_t whole, size_t piece)
{
    return whole / piece + (whole % piece != 0);
}

#endif
