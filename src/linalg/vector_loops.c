/* The loops behind lstm_mpi/linalg/vector.h, compiled once for each vector level; vector_reference.c has the
 * plain form of each. */

#include "vector_functions.h"

#include <math.h>

static void add(size_t count, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

static void sum(size_t count, const float *restrict x, const float *restrict y, float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = x[i] + y[i];
}

static void multiply(size_t count, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] *= x[i];
}

static void axpy(size_t count, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += a * x[i];
}

static void axpby(size_t count, float a, const float *restrict x, float b, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a * x[i] + b * y[i];
}

static void scale(size_t count, float a, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= a;
}

static double sum_of_squares(size_t count, const float *x)
{
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++)
        total += (double)x[i] * (double)x[i];
    return total;
}

static float largest(size_t count, const float *x)
{
    float most = 0;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < count; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    return most;
}

static void add_rounded(size_t count, const float *restrict x, double rounder, double *restrict sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += ((double)x[i] + rounder) - rounder;
}

const struct vector_functions LSTM_MPI_LEVEL_NAME(vector_functions) = {
    .add = add,
    .sum = sum,
    .multiply = multiply,
    .axpy = axpy,
    .axpby = axpby,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .largest = largest,
    .add_rounded = add_rounded,
};
