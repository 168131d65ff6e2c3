#ifndef LSTM_MPI_LINALG_TRANSPOSE_BLOCK_H
#define LSTM_MPI_LINALG_TRANSPOSE_BLOCK_H

/* A part of a panel out of a matrix whose rows become the panel's columns, for the level that a file is
 * compiled for. What it does: transposed in panel_reference.c. */

#include "floats.h"
#include "lstm_mpi/base/partition.h"

#include <string.h>

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
enum { QUAD = 4, COUPLE = 2 };

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

static inline void transpose_elements(size_t width, struct range lanes, struct range depths,
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

#endif
