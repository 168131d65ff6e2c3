#ifndef LSTM_MPI_LINALG_FLOATS_H
#define LSTM_MPI_LINALG_FLOATS_H

/* A vector of the level that a file is compiled for, at any address. */

#include <stddef.h>

#if defined(__AVX512F__)
#define VECTOR_FLOATS ((size_t)16)
#elif defined(__AVX__)
#define VECTOR_FLOATS ((size_t)8)
#else
#define VECTOR_FLOATS ((size_t)4)
#endif
typedef float floats
    __attribute__((vector_size(VECTOR_FLOATS * sizeof(float)), aligned(sizeof(float)), may_alias));

#endif
