#ifndef LSTM_MPI_LINALG_VECTOR_MATH_H
#define LSTM_MPI_LINALG_VECTOR_MATH_H

/* exp, tanh and sigmoid for the loops of files that are compiled for each vector level. The attribute tells
 * the compiler that the C library has vector forms of these functions (glibc's libmvec): inside a simple
 * loop it calls them. The scalar forms, which serve the last elements of a row, round differently. */

#include <math.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define LSTM_MPI_VECTOR_FORM __attribute__((simd("notinbranch"), const, nothrow))
extern float expf(float) LSTM_MPI_VECTOR_FORM;
extern float tanhf(float) LSTM_MPI_VECTOR_FORM;
#endif

static inline float sigmoidf(float x)
{
    return 1.0F / (1.0F + expf(-x));
}

#endif
