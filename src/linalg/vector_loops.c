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

/* Subtracting the largest logit first keeps every exponential at most 1. */
static float softmax_exponentials(size_t count, float *restrict logits, const float *restrict bias,
                                  float *largest_logit)
{
    float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++) {
        logits[i] += bias[i];
        largest = logits[i] > largest ? logits[i] : largest;
    }
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++) {
        logits[i] = expf(logits[i] - largest);
        total += logits[i];
    }
    *largest_logit = largest;
    return total;
}

typedef float quad __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));
enum { QUAD = 4, PACK_DEPTH = 128 };

/* Four lanes at four depths: rows of the source become columns of the panel. */
static inline void transpose_quads(const float *restrict source, size_t lane_stride, float *restrict panel,
                                   size_t width)
{
    quad a = *(const quad *)source;
    quad b = *(const quad *)(source + lane_stride);
    quad c = *(const quad *)(source + 2 * lane_stride);
    quad d = *(const quad *)(source + 3 * lane_stride);
    quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)panel = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(quad *)(panel + width) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(quad *)(panel + 2 * width) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(quad *)(panel + 3 * width) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

static void transpose_block(size_t width, size_t lanes, size_t depth, const float *restrict source,
                            size_t lane_stride, float *restrict panel)
{
    size_t whole_lanes = lanes / QUAD * QUAD;
    size_t whole_depth = depth / QUAD * QUAD;
    for (size_t lane = 0; lane < whole_lanes; lane += QUAD) {
        const float *from = source + lane * lane_stride;
        for (size_t k = 0; k < whole_depth; k += QUAD)
            transpose_quads(from + k, lane_stride, panel + k * width + lane, width);
        for (size_t k = whole_depth; k < depth; k++) {
            for (size_t i = 0; i < QUAD; i++)
                panel[k * width + lane + i] = from[i * lane_stride + k];
        }
    }
    for (size_t k = 0; k < depth && whole_lanes < width; k++) {
        for (size_t lane = whole_lanes; lane < width; lane++)
            panel[k * width + lane] = lane < lanes ? source[lane * lane_stride + k] : 0;
    }
}

/* In blocks of depth, so that a part of the panel is finished while it is in the first cache. */
static void pack_transposed(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel)
{
    for (size_t k = 0; k < depth; k += PACK_DEPTH) {
        size_t block = depth - k < PACK_DEPTH ? depth - k : PACK_DEPTH;
        transpose_block(width, lanes, block, source + k, lane_stride, panel + k * width);
    }
}

/* `width` is a constant where this is called, so that the copies become a few vector moves. */
static inline __attribute__((always_inline)) void copy_lanes(size_t width, size_t depth,
                                                             const float *restrict source,
                                                             size_t depth_stride, float *restrict panel)
{
    for (size_t k = 0; k < depth; k++)
        memcpy(panel + k * width, source + k * depth_stride, width * sizeof *panel);
}

static void pack_copied(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        float *panel)
{
    if (lanes < width) {
        for (size_t k = 0; k < depth; k++) {
            for (size_t lane = 0; lane < width; lane++)
                panel[k * width + lane] = lane < lanes ? source[k * depth_stride + lane] : 0;
        }
    } else if (width == 32) {
        copy_lanes(32, depth, source, depth_stride, panel);
    } else if (width == 16) {
        copy_lanes(16, depth, source, depth_stride, panel);
    } else if (width == 12) {
        copy_lanes(12, depth, source, depth_stride, panel);
    } else if (width == 6) {
        copy_lanes(6, depth, source, depth_stride, panel);
    } else {
        copy_lanes(width, depth, source, depth_stride, panel);
    }
}

/* `width` is a constant where this is called. */
static inline __attribute__((always_inline)) void scale_rows(const struct softmax_tile *tile, size_t width,
                                                             float *restrict column_sums)
{
    for (size_t row = 0; row < tile->rows; row++) {
        const float *restrict exponentials = tile->exponentials + row * tile->stride;
        float *restrict wide = tile->wide + row * tile->wide_width;
        float factor = tile->factors[row];
        for (size_t i = 0; i < width; i++) {
            wide[i] = exponentials[i] * factor;
            column_sums[i] += wide[i];
        }
    }
}

static void softmax_tile(const struct softmax_tile *tile)
{
    float column_sums[SOFTMAX_TILE_COLUMNS] = {0};
    if (tile->columns == 32)
        scale_rows(tile, 32, column_sums);
    else if (tile->columns == 16)
        scale_rows(tile, 16, column_sums);
    else
        scale_rows(tile, tile->columns, column_sums);
    for (size_t row = 0; row < tile->rows && tile->columns < tile->wide_width; row++)
        memset(tile->wide + row * tile->wide_width + tile->columns, 0,
               (tile->wide_width - tile->columns) * sizeof *tile->wide);
    pack_transposed(tile->narrow_width, tile->rows, tile->columns, tile->wide, tile->wide_width,
                    tile->narrow);
    add(tile->columns, column_sums, tile->bias_gradient);
}

#if defined(__AVX512F__)
#define VECTOR_FLOATS ((size_t)16)
#elif defined(__AVX__)
#define VECTOR_FLOATS ((size_t)8)
#else
#define VECTOR_FLOATS ((size_t)4)
#endif
typedef float floats
    __attribute__((vector_size(VECTOR_FLOATS * sizeof(float)), aligned(sizeof(float)), may_alias));

/* A strip of two vectors of columns; `rows` is a constant where this is called, so that the sums of all its
 * rows stay in registers. */
static inline __attribute__((always_inline)) void strip_of_rows(const struct few_rows *product, size_t first,
                                                                size_t rows)
{
    floats sums[FEW_ROWS][2] = {{{0}}};
    const float *narrow = product->narrow;
    const float *wide = product->wide + first;
    for (size_t k = 0; k < product->depth; k++) {
        floats left = *(const floats *)wide;
        floats right = *(const floats *)(wide + VECTOR_FLOATS);
#pragma GCC unroll 11
        for (size_t row = 0; row < rows; row++) {
            sums[row][0] += narrow[row] * left;
            sums[row][1] += narrow[row] * right;
        }
        narrow += product->narrow_width;
        wide += product->wide_width;
    }
    size_t columns = product->columns - first;
#pragma GCC unroll 11
    for (size_t row = 0; row < rows; row++) {
        float *C = product->C + row * product->stride + first;
        if (columns >= 2 * VECTOR_FLOATS) {
            floats *whole = (floats *)C;
            floats *next = (floats *)(C + VECTOR_FLOATS);
            if (product->accumulate) {
                sums[row][0] += *whole;
                sums[row][1] += *next;
            }
            *whole = sums[row][0];
            *next = sums[row][1];
        } else {
            for (size_t i = 0; i < columns; i++) {
                float sum = sums[row][i / VECTOR_FLOATS][i % VECTOR_FLOATS];
                C[i] = product->accumulate ? C[i] + sum : sum;
            }
        }
    }
}

#define STRIP_CASE(count)                     \
    case count:                               \
        strip_of_rows(product, first, count); \
        break;

static void multiply_few_rows(const struct few_rows *product)
{
    for (size_t first = 0; first < product->columns; first += 2 * VECTOR_FLOATS) {
        switch (product->rows) {
            STRIP_CASE(1)
            STRIP_CASE(2)
            STRIP_CASE(3)
            STRIP_CASE(4)
            STRIP_CASE(5)
            STRIP_CASE(6)
            STRIP_CASE(7)
            STRIP_CASE(8)
            STRIP_CASE(9)
            STRIP_CASE(10)
            STRIP_CASE(11)
        default:
            break;
        }
    }
}

const struct vector_functions LSTM_MPI_LEVEL_NAME(vector_functions) = {
    .add = add,
    .sum = sum,
    .axpy = axpy,
    .sum_of_squares = sum_of_squares,
    .multiply_few_rows = multiply_few_rows,
    .strip_columns = 2 * VECTOR_FLOATS,
    .softmax_exponentials = softmax_exponentials,
    .softmax_tile = softmax_tile,
    .pack_transposed = pack_transposed,
    .pack_copied = pack_copied,
    .largest = largest,
    .add_rounded = add_rounded,
};
