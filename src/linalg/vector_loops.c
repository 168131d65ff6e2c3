/* The loops behind lstm_mpi/linalg/vector.h and the packing of panels: compiled once for each vector level.
 */

#include "vector_functions.h"

#include "lstm_mpi/linalg/vector_math.h"

#include <string.h>

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

static void axpy(size_t count, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += a * x[i];
}

static double sum_of_squares(size_t count, const float *x)
{
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++)
        total += (double)x[i] * (double)x[i];
    return total;
}

/* Subtracting the largest logit first keeps every exponential at most 1. */
static double softmax_loss(size_t count, float *restrict logits, const float *restrict bias, size_t target,
                           float scale, float *restrict bias_gradient)
{
    float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++) {
        logits[i] += bias[i];
        largest = logits[i] > largest ? logits[i] : largest;
    }
    double logit_of_target = (double)logits[target] - (double)largest;

    float total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++) {
        logits[i] = expf(logits[i] - largest);
        total += logits[i];
    }

    float factor = scale / total;
    bias_gradient[target] -= scale;
    for (size_t i = 0; i < count; i++) {
        logits[i] *= factor;
        bias_gradient[i] += logits[i];
    }
    logits[target] -= scale;
    return log((double)total) - logit_of_target;
}

static void pack_transposed(size_t width, size_t depth, const float *restrict source, size_t lane_stride,
                            float *restrict panel)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t lane = 0; lane < width; lane++)
            panel[k * width + lane] = source[lane * lane_stride + k];
    }
}

static void pack_copied(size_t width, size_t depth, const float *restrict source, size_t depth_stride,
                        float *restrict panel)
{
    for (size_t k = 0; k < depth; k++)
        memcpy(panel + k * width, source + k * depth_stride, width * sizeof *panel);
}

const struct vector_functions LSTM_MPI_LEVEL_NAME(vector_functions) = {
    .add = add,
    .sum = sum,
    .axpy = axpy,
    .sum_of_squares = sum_of_squares,
    .softmax_loss = softmax_loss,
    .pack_transposed = pack_transposed,
    .pack_copied = pack_copied,
};
