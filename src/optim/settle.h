#ifndef LSTM_MPI_OPTIM_SETTLE_H
#define LSTM_MPI_OPTIM_SETTLE_H

#include <math.h>

/* A number that shrinks by a factor at every update would in the end stay at the smallest that float32 has,
 * with which CPUs are slow. One that is too small to matter is zero. */
static inline float settle(float x)
{
    return fabsf(x) < 1e-30F ? 0 : x;
}

#endif
