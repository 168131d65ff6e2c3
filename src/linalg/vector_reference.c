#include "reference.h"

#include <math.h>

static void add(size_t count, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

static void sum(size_t count, const float *x, const float *y, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = x[i] + y[i];
}

static void multiply(size_t count, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] *= x[i];
}

static void axpy(size_t count, float a, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)((double)a * (double)x[i] + (double)y[i]);
}

static void axpby(size_t count, float a, const float *x, float b, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)((double)a * (double)x[i] + (double)b * (double)y[i]);
}

static void scale(size_t count, float a, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= a;
}

static double sum_of_squares(size_t count, const float *x)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += (double)x[i] * (double)x[i];
    return total;
}

static float largest(size_t count, const float *x)
{
    float most = 0;
    for (size_t i = 0; i < count; i++) {
        if (fabsf(x[i]) > most)
            most = fabsf(x[i]);
    }
    return most;
}

/* The nearest multiple of the rounder's last place, the even one of two that are as near. */
static void add_rounded(size_t count, const float *x, double rounder, double *sums)
{
    double quantum = nextafter(rounder, INFINITY) - rounder;
    for (size_t i = 0; i < count; i++)
        sums[i] += rounder == 0 ? (double)x[i] : quantum * nearbyint((double)x[i] / quantum);
}

const struct vector_functions vector_reference = {
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
