/* The loops behind lstm_mpi/linalg/vector.h and the packing of panels: compiled once for each vector level.
 */

#include "multiply_rows.h"
#include "vector_functions.h"

#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/vector_math.h"

#include <math.h>
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

/* Subtracting the largest logit first keeps every exponential at most 1. */
static float softmax_of_row(size_t count, float *restrict logits, const float *restrict bias,
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
        logits[i] = vector_expf(logits[i] - largest);
        total += logits[i];
    }
    *largest_logit = largest;
    return total;
}

#if defined(__AVX512F__)
#define INTERLEAVE_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define INTERLEAVE_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define PAIRS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define PAIRS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#elif defined(__AVX__)
#define INTERLEAVE_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define INTERLEAVE_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define PAIRS_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define PAIRS_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#else
#define INTERLEAVE_LOW 0, 4, 1, 5
#define INTERLEAVE_HIGH 2, 6, 3, 7
#define PAIRS_LOW 0, 1, 4, 5
#define PAIRS_HIGH 2, 3, 6, 7
#endif
typedef float quad __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef float couple __attribute__((vector_size(2 * sizeof(float)), aligned(sizeof(float)), may_alias));
enum { QUAD = 4, COUPLE = 2, PACK_DEPTH = 128 };

/* Each quad of `columns` is one depth of four lanes; the next quad is QUAD depths further. */
static inline void store_quads(floats columns, float *panel, size_t width)
{
    const quad *quads = (const quad *)&columns;
#pragma GCC unroll 4
    for (size_t i = 0; i < VECTOR_FLOATS / QUAD; i++)
        *(quad *)(panel + i * QUAD * width) = quads[i];
}

/* Four lanes at VECTOR_FLOATS depths: rows of the source become columns of the panel. */
static inline void transpose_quads(const float *restrict source, size_t lane_stride, float *restrict panel,
                                   size_t width)
{
    floats a = *(const floats *)source;
    floats b = *(const floats *)(source + lane_stride);
    floats c = *(const floats *)(source + 2 * lane_stride);
    floats d = *(const floats *)(source + 3 * lane_stride);
    floats ab_low = __builtin_shufflevector(a, b, INTERLEAVE_LOW);
    floats ab_high = __builtin_shufflevector(a, b, INTERLEAVE_HIGH);
    floats cd_low = __builtin_shufflevector(c, d, INTERLEAVE_LOW);
    floats cd_high = __builtin_shufflevector(c, d, INTERLEAVE_HIGH);
    store_quads(__builtin_shufflevector(ab_low, cd_low, PAIRS_LOW), panel, width);
    store_quads(__builtin_shufflevector(ab_low, cd_low, PAIRS_HIGH), panel + width, width);
    store_quads(__builtin_shufflevector(ab_high, cd_high, PAIRS_LOW), panel + 2 * width, width);
    store_quads(__builtin_shufflevector(ab_high, cd_high, PAIRS_HIGH), panel + 3 * width, width);
}

/* Each couple of `columns` is one depth of two lanes: two depths of every QUAD. */
static inline void store_couples(floats columns, float *panel, size_t width)
{
    const couple *couples = (const couple *)&columns;
#pragma GCC unroll 8
    for (size_t i = 0; i < VECTOR_FLOATS / COUPLE; i++)
        *(couple *)(panel + (i / 2 * QUAD + i % 2) * width) = couples[i];
}

/* The same of two lanes. */
static inline void transpose_couples(const float *restrict source, size_t lane_stride, float *restrict panel,
                                     size_t width)
{
    floats a = *(const floats *)source;
    floats b = *(const floats *)(source + lane_stride);
    store_couples(__builtin_shufflevector(a, b, INTERLEAVE_LOW), panel, width);
    store_couples(__builtin_shufflevector(a, b, INTERLEAVE_HIGH), panel + 2 * width, width);
}

static void transpose_elements(size_t width, struct range lanes, struct range depths,
                               const float *restrict source, size_t lane_stride, float *restrict panel)
{
    for (size_t k = depths.first; k < depths.first + depths.count; k++) {
        for (size_t lane = lanes.first; lane < lanes.first + lanes.count; lane++)
            panel[k * width + lane] = source[lane * lane_stride + k];
    }
}

static inline __attribute__((always_inline)) void transpose_block(size_t width, size_t lanes, size_t depth,
                                                                  const float *restrict source,
                                                                  size_t lane_stride, float *restrict panel)
{
    size_t whole_depth = depth / VECTOR_FLOATS * VECTOR_FLOATS;
    size_t lane = 0;
    for (; lane + QUAD <= lanes; lane += QUAD) {
        for (size_t k = 0; k < whole_depth; k += VECTOR_FLOATS)
            transpose_quads(source + lane * lane_stride + k, lane_stride, panel + k * width + lane, width);
    }
    for (; lane + COUPLE <= lanes; lane += COUPLE) {
        for (size_t k = 0; k < whole_depth; k += VECTOR_FLOATS)
            transpose_couples(source + lane * lane_stride + k, lane_stride, panel + k * width + lane, width);
    }
    struct range last_lane = {lane, lanes - lane};
    struct range last_depths = {whole_depth, depth - whole_depth};
    transpose_elements(width, last_lane, (struct range){0, whole_depth}, source, lane_stride, panel);
    transpose_elements(width, (struct range){0, lanes}, last_depths, source, lane_stride, panel);
    for (size_t k = 0; k < depth && lanes < width; k++)
        memset(panel + k * width + lanes, 0, (width - lanes) * sizeof *panel);
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

/* `width` is a constant where this is called, so that the copies become a few vector moves; of memcpy alone
 * the compiler makes moves of 16 bytes. */
static inline __attribute__((always_inline)) void copy_depth(size_t width, const float *restrict source,
                                                             float *restrict panel)
{
    size_t whole = width / VECTOR_FLOATS * VECTOR_FLOATS;
#pragma GCC unroll 8
    for (size_t lane = 0; lane < whole; lane += VECTOR_FLOATS)
        *(floats *)(panel + lane) = *(const floats *)(source + lane);
    memcpy(panel + whole, source + whole, (width - whole) * sizeof *panel);
}

static inline __attribute__((always_inline)) void
copy_lanes(size_t width, size_t depth, const float *restrict source, size_t depth_stride,
           const float *restrict factors, float *restrict panel)
{
    if (factors) {
        for (size_t k = 0; k < depth; k++) {
            for (size_t lane = 0; lane < width; lane++)
                panel[k * width + lane] = factors[k] * source[k * depth_stride + lane];
        }
    } else {
        for (size_t k = 0; k < depth; k++)
            copy_depth(width, source + k * depth_stride, panel + k * width);
    }
}

static void pack_copied(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        const float *factors, float *panel)
{
    if (lanes < width) {
        for (size_t k = 0; k < depth; k++) {
            float factor = factors ? factors[k] : 1;
            for (size_t lane = 0; lane < width; lane++)
                panel[k * width + lane] = lane < lanes ? factor * source[k * depth_stride + lane] : 0;
        }
    } else if (width == 32) {
        copy_lanes(32, depth, source, depth_stride, factors, panel);
    } else if (width == 24) {
        copy_lanes(24, depth, source, depth_stride, factors, panel);
    } else if (width == 16) {
        copy_lanes(16, depth, source, depth_stride, factors, panel);
    } else if (width == 12) {
        copy_lanes(12, depth, source, depth_stride, factors, panel);
    } else if (width == 6) {
        copy_lanes(6, depth, source, depth_stride, factors, panel);
    } else if (width == 4) {
        copy_lanes(4, depth, source, depth_stride, factors, panel);
    } else {
        copy_lanes(width, depth, source, depth_stride, factors, panel);
    }
}

/* Column by column. */
static void largest_of_columns(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        const float *logits = tile->logits + r * tile->width;
        for (size_t i = 0; i < tile->columns; i++) {
            float *largest = &tile->row[r].largest[i % SOFTMAX_LANES];
            float logit = logits[i] + tile->bias[i];
            *largest = logit > *largest ? logit : *largest;
        }
    }
}

/* `width` is a constant where this is called. */
static inline __attribute__((always_inline)) void largest_of_vectors(const struct softmax_tile *tile,
                                                                     size_t width)
{
    const float *restrict bias = tile->bias;
    struct softmax_row *restrict row = tile->row;
    size_t rows = tile->rows;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict logits = tile->logits + r * width;
        for (size_t first = 0; first < width; first += SOFTMAX_LANES) {
            size_t lanes = smaller(width - first, SOFTMAX_LANES);
#pragma omp simd
            for (size_t lane = 0; lane < lanes; lane++) {
                float logit = logits[first + lane] + bias[first + lane];
                row[r].largest[lane] = logit > row[r].largest[lane] ? logit : row[r].largest[lane];
            }
        }
    }
}

static void softmax_largest(const struct softmax_tile *tile)
{
    if (tile->columns == 32 && tile->width == 32)
        largest_of_vectors(tile, 32);
    else if (tile->columns == 24 && tile->width == 24)
        largest_of_vectors(tile, 24);
    else if (tile->columns == 16 && tile->width == 16)
        largest_of_vectors(tile, 16);
    else
        largest_of_columns(tile);
}

static void exponentials_of_columns(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        float *logits = tile->logits + r * tile->width;
        struct softmax_row *row = &tile->row[r];
        for (size_t i = 0; i < tile->columns; i++)
            logits[i] = vector_expf(logits[i] + tile->bias[i] - row->largest[0]);
        for (size_t i = 0; i < tile->columns; i++)
            row->total[i % SOFTMAX_LANES] += logits[i];
        memset(logits + tile->columns, 0, (tile->width - tile->columns) * sizeof *logits);
    }
}

/* `width` is a constant where this is called. */
static inline __attribute__((always_inline)) void exponentials_of_vectors(const struct softmax_tile *tile,
                                                                          size_t width)
{
    const float *restrict bias = tile->bias;
    struct softmax_row *restrict row = tile->row;
    size_t rows = tile->rows;
    for (size_t r = 0; r < rows; r++) {
        float *restrict logits = tile->logits + r * width;
        float largest = row[r].largest[0];
        for (size_t first = 0; first < width; first += SOFTMAX_LANES) {
            size_t lanes = smaller(width - first, SOFTMAX_LANES);
#pragma omp simd
            for (size_t lane = 0; lane < lanes; lane++) {
                float *logit = &logits[first + lane];
                *logit = vector_expf(*logit + bias[first + lane] - largest);
                row[r].total[lane] += *logit;
            }
        }
    }
}

/* Whole tiles are small: known shapes spare most of what comes before the first element. */
static void transpose_tile(const struct softmax_tile *tile)
{
    bool whole = tile->columns == tile->width && tile->rows == tile->narrow_width;
    if (whole && tile->width == 16 && tile->rows == 6)
        transpose_block(6, 6, 16, tile->logits, 16, tile->narrow);
    else if (whole && tile->width == 24 && tile->rows == 4)
        transpose_block(4, 4, 24, tile->logits, 24, tile->narrow);
    else if (whole && tile->width == 32 && tile->rows == 12)
        transpose_block(12, 12, 32, tile->logits, 32, tile->narrow);
    else
        pack_transposed(tile->narrow_width, tile->rows, tile->columns, tile->logits, tile->width,
                        tile->narrow);
}

static void softmax_exponentials(const struct softmax_tile *tile)
{
    if (tile->columns == 32 && tile->width == 32)
        exponentials_of_vectors(tile, 32);
    else if (tile->columns == 24 && tile->width == 24)
        exponentials_of_vectors(tile, 24);
    else if (tile->columns == 16 && tile->width == 16)
        exponentials_of_vectors(tile, 16);
    else
        exponentials_of_columns(tile);
    transpose_tile(tile);
}

/* `columns` is a constant where this is called, for whole panels, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void add_weighted(size_t rows, size_t width, size_t columns,
                                                               const float *restrict panel,
                                                               const float *restrict factors,
                                                               float *restrict sum)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++)
            sum[i] += factors[row] * panel[row * width + i];
    }
}

static void add_weighted_rows(size_t rows, size_t width, size_t columns, const float *panel,
                              const float *factors, float *sum)
{
    if (columns == 32)
        add_weighted(rows, width, 32, panel, factors, sum);
    else if (columns == 24)
        add_weighted(rows, width, 24, panel, factors, sum);
    else if (columns == 16)
        add_weighted(rows, width, 16, panel, factors, sum);
    else
        add_weighted(rows, width, columns, panel, factors, sum);
}

static void scale_rows(size_t rows, size_t width, const float *restrict factors, float *restrict panel)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < width; i++)
            panel[row * width + i] *= factors[row];
    }
}

const struct vector_functions LSTM_MPI_LEVEL_NAME(vector_functions) = {
    .add = add,
    .sum = sum,
    .multiply = multiply,
    .axpy = axpy,
    .axpby = axpby,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .multiply_rows = LSTM_MPI_LEVEL_NAME(multiply_rows),
    .strip_columns = PANEL_COLUMNS,
    .register_rows = REGISTER_ROWS,
    .fetch_depths = FETCH_DEPTHS,
    .outruns_blis = OUTRUNS_BLIS,
    .fuses = FUSES,
    .softmax_of_row = softmax_of_row,
    .softmax_largest = softmax_largest,
    .softmax_exponentials = softmax_exponentials,
    .add_weighted_rows = add_weighted_rows,
    .scale_rows = scale_rows,
    .pack_transposed = pack_transposed,
    .pack_copied = pack_copied,
    .largest = largest,
    .add_rounded = add_rounded,
};
