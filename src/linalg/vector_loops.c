/* The loops behind lstm_mpi/linalg/vector.h and the packing of panels: compiled once for each vector level.
 */

#include "vector_functions.h"

#include "lstm_mpi/base/memory.h"
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
        logits[i] = expf(logits[i] - largest);
        total += logits[i];
    }
    *largest_logit = largest;
    return total;
}

#if defined(__AVX512F__)
#define VECTOR_FLOATS ((size_t)16)
#define INTERLEAVE_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define INTERLEAVE_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define PAIRS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define PAIRS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#elif defined(__AVX__)
#define VECTOR_FLOATS ((size_t)8)
#define INTERLEAVE_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define INTERLEAVE_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define PAIRS_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define PAIRS_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#else
#define VECTOR_FLOATS ((size_t)4)
#define INTERLEAVE_LOW 0, 4, 1, 5
#define INTERLEAVE_HIGH 2, 6, 3, 7
#define PAIRS_LOW 0, 1, 4, 5
#define PAIRS_HIGH 2, 3, 6, 7
#endif
typedef float floats
    __attribute__((vector_size(VECTOR_FLOATS * sizeof(float)), aligned(sizeof(float)), may_alias));
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

static void transpose_block(size_t width, size_t lanes, size_t depth, const float *restrict source,
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

/* `width` is a constant where this is called, so that the copies become a few vector moves. */
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
            memcpy(panel + k * width, source + k * depth_stride, width * sizeof *panel);
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
    } else if (width == 16) {
        copy_lanes(16, depth, source, depth_stride, factors, panel);
    } else if (width == 12) {
        copy_lanes(12, depth, source, depth_stride, factors, panel);
    } else if (width == 6) {
        copy_lanes(6, depth, source, depth_stride, factors, panel);
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

/* `width` is a constant where this is called, a multiple of SOFTMAX_LANES. */
static inline __attribute__((always_inline)) void largest_of_vectors(const struct softmax_tile *tile,
                                                                     size_t width)
{
    const float *restrict bias = tile->bias;
    struct softmax_row *restrict row = tile->row;
    size_t rows = tile->rows;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict logits = tile->logits + r * width;
#pragma omp simd
        for (size_t lane = 0; lane < SOFTMAX_LANES; lane++) {
            float largest = row[r].largest[lane];
#pragma GCC unroll 2
            for (size_t i = lane; i < width; i += SOFTMAX_LANES) {
                float logit = logits[i] + bias[i];
                largest = logit > largest ? logit : largest;
            }
            row[r].largest[lane] = largest;
        }
    }
}

static void softmax_largest(const struct softmax_tile *tile)
{
    if (tile->columns == 32 && tile->width == 32)
        largest_of_vectors(tile, 32);
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
            logits[i] = expf(logits[i] + tile->bias[i] - row->largest[0]);
        for (size_t i = 0; i < tile->columns; i++)
            row->total[i % SOFTMAX_LANES] += logits[i];
        memset(logits + tile->columns, 0, (tile->width - tile->columns) * sizeof *logits);
    }
}

/* `width` is a constant where this is called, a multiple of SOFTMAX_LANES. Without `simd` gcc unrolls a loop
 * of 16 before it could make vectors of it. */
static inline __attribute__((always_inline)) void exponentials_of_vectors(const struct softmax_tile *tile,
                                                                          size_t width)
{
    const float *restrict bias = tile->bias;
    for (size_t r = 0; r < tile->rows; r++) {
        float *restrict logits = tile->logits + r * width;
        float largest = tile->row[r].largest[0];
#pragma omp simd
        for (size_t i = 0; i < width; i++)
            logits[i] = expf(logits[i] + bias[i] - largest);
        for (size_t lane = 0; lane < SOFTMAX_LANES; lane += VECTOR_FLOATS) {
            floats *total = (floats *)(tile->row[r].total + lane);
            floats of_lanes = *total;
            for (size_t i = lane; i < width; i += SOFTMAX_LANES)
                of_lanes += *(const floats *)(logits + i);
            *total = of_lanes;
        }
    }
}

static void softmax_exponentials(const struct softmax_tile *tile)
{
    if (tile->columns == 32 && tile->width == 32)
        exponentials_of_vectors(tile, 32);
    else if (tile->columns == 16 && tile->width == 16)
        exponentials_of_vectors(tile, 16);
    else
        exponentials_of_columns(tile);
    pack_transposed(tile->narrow_width, tile->rows, tile->columns, tile->logits, tile->width, tile->narrow);
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

/* Vectors of a strip of columns: two, or four where the sums of so few rows leave registers for them, and one
 * for the last columns. */
enum { PAIR = 2, QUADRUPLE = 4 };
#if defined(__AVX512F__)
enum { QUADRUPLE_ROWS = 6, REGISTER_ROWS = 12 };
#else
enum { QUADRUPLE_ROWS = 2, REGISTER_ROWS = 6 };
#endif
#ifdef __FP_FAST_FMAF
enum { FUSES = true };
#else
enum { FUSES = false };
#endif

typedef floats strip_sums[MOST_ROWS][QUADRUPLE];

/* Rows that one pointer reaches, by multiples of their stride. */
enum { ROWS_OF_POINTER = 4 };

/* Where a strip stands: at a depth of the rows, and of the panels' columns, in pairs of vectors, of which
 * each may lie in a panel of its own. What is fetched may lie beyond the memory: then nothing is. */
struct strip {
    const float *rows[MOST_ROWS / ROWS_OF_POINTER];
    const float *pairs[QUADRUPLE / PAIR];
    const float *fetched[QUADRUPLE / PAIR];
};

static struct strip strip_begin(const struct rows_product *product, size_t first, size_t rows, size_t vectors)
{
    struct strip strip = {0};
    for (size_t i = 0; i * ROWS_OF_POINTER < rows; i++)
        strip.rows[i] = product->A + i * ROWS_OF_POINTER * product->row_stride;
    for (size_t i = 0; i * PAIR < vectors; i++) {
        size_t column = first + i * PAIR * VECTOR_FLOATS;
        strip.pairs[i] = product->wide + column / product->wide_width * product->panel_stride +
                         column % product->wide_width;
        strip.fetched[i] = strip.pairs[i] + product->fetch_offset;
    }
    return strip;
}

/* `rows` and `vectors` are constants where this is called, so that all sums stay in registers. */
static inline __attribute__((always_inline)) void add_depths(const struct rows_product *product, size_t depth,
                                                             size_t rows, size_t vectors, struct strip *strip,
                                                             strip_sums sums)
{
    size_t stride = product->row_stride;
    size_t strides[ROWS_OF_POINTER] = {0, stride, 2 * stride, 3 * stride};
    for (size_t k = 0; k < depth; k++) {
        floats wide[QUADRUPLE];
#pragma GCC unroll 4
        for (size_t i = 0; i < vectors; i++)
            wide[i] = *(const floats *)(strip->pairs[i / PAIR] + i % PAIR * VECTOR_FLOATS);
#pragma GCC unroll 12
        for (size_t row = 0; row < rows; row++) {
            float of_row = strip->rows[row / ROWS_OF_POINTER][strides[row % ROWS_OF_POINTER]];
#pragma GCC unroll 4
            for (size_t i = 0; i < vectors; i++)
                sums[row][i] += of_row * wide[i];
        }
#pragma GCC unroll 3
        for (size_t i = 0; i * ROWS_OF_POINTER < rows; i++)
            strip->rows[i] += product->depth_stride;
#pragma GCC unroll 2
        for (size_t i = 0; i * PAIR < vectors; i++) {
            __builtin_prefetch(strip->fetched[i], 0, 2);
            strip->fetched[i] += product->fetch_step;
            strip->pairs[i] += product->wide_depth_stride;
        }
    }
}

/* Columns of a row of C, which may begin anywhere in a cache line. */
static inline __attribute__((always_inline)) void fetch_row(const float *C, size_t columns)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < columns; i += MEMORY_LINE_FLOATS)
        __builtin_prefetch(C + i, 1);
    __builtin_prefetch(C + columns - 1, 1);
}

static inline __attribute__((always_inline)) void
store_whole_strip(const struct rows_product *product, float *C, size_t rows, size_t vectors, strip_sums sums)
{
    if (product->accumulate) {
#pragma GCC unroll 12
        for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
            for (size_t i = 0; i < vectors; i++)
                sums[row][i] += *(const floats *)(C + row * product->stride + i * VECTOR_FLOATS);
        }
    }
#pragma GCC unroll 12
    for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < vectors; i++)
            *(floats *)(C + row * product->stride + i * VECTOR_FLOATS) = sums[row][i];
    }
}

static __attribute__((noinline)) void store_some_columns(const struct rows_product *product, float *C,
                                                         size_t columns, strip_sums sums)
{
    for (size_t row = 0; row < product->rows; row++) {
        const float *some = (const float *)sums[row];
        float *C_row = C + row * product->stride;
        for (size_t i = 0; i < columns; i++)
            C_row[i] = product->accumulate ? C_row[i] + some[i] : some[i];
    }
}

static inline __attribute__((always_inline)) void
store_strip(const struct rows_product *product, size_t first, size_t rows, size_t vectors, strip_sums sums)
{
    float *C = product->C + first;
    size_t columns = product->columns - first;
    if (columns >= vectors * VECTOR_FLOATS) {
        store_whole_strip(product, C, rows, vectors, sums);
    } else {
        strip_sums copied; /* so that the sums themselves need no place in memory */
#pragma GCC unroll 12
        for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
            for (size_t i = 0; i < vectors; i++)
                copied[row][i] = sums[row][i];
        }
        store_some_columns(product, C, columns, copied);
    }
}

static inline __attribute__((always_inline)) void strip_of_rows(const struct rows_product *product,
                                                                size_t first, size_t rows, size_t vectors)
{
    strip_sums sums = {{{0}}};
    struct strip strip = strip_begin(product, first, rows, vectors);
    size_t parts = product->fetches_C ? rows : 1;
    for (size_t part = 0, depth = 0; part < parts; part++) {
        size_t end = product->depth * (part + 1) / parts;
        if (product->fetches_C)
            fetch_row(product->C + part * product->stride + first, vectors * VECTOR_FLOATS);
        add_depths(product, end - depth, rows, vectors, &strip, sums);
        depth = end;
    }
    store_strip(product, first, rows, vectors, sums);
}

static inline __attribute__((always_inline)) void all_strips(const struct rows_product *product, size_t rows)
{
    size_t first = 0;
    if (rows <= QUADRUPLE_ROWS) {
        for (; first + PAIR * VECTOR_FLOATS < product->columns; first += QUADRUPLE * VECTOR_FLOATS)
            strip_of_rows(product, first, rows, QUADRUPLE);
    }
    for (; first + VECTOR_FLOATS < product->columns; first += PAIR * VECTOR_FLOATS)
        strip_of_rows(product, first, rows, PAIR);
    if (first < product->columns)
        strip_of_rows(product, first, rows, 1);
}

#define ROWS_CASE(count)            \
    case count:                     \
        all_strips(product, count); \
        break;

static void multiply_rows(const struct rows_product *product)
{
    switch (product->rows) {
        ROWS_CASE(1)
        ROWS_CASE(2)
        ROWS_CASE(3)
        ROWS_CASE(4)
        ROWS_CASE(5)
        ROWS_CASE(6)
        ROWS_CASE(7)
        ROWS_CASE(8)
        ROWS_CASE(9)
        ROWS_CASE(10)
        ROWS_CASE(11)
        ROWS_CASE(12)
    default:
        break;
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
    .multiply_rows = multiply_rows,
    .strip_columns = PAIR * VECTOR_FLOATS,
    .register_rows = REGISTER_ROWS,
    .two_panel_rows = QUADRUPLE_ROWS,
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
