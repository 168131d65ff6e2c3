/* The loops over panels (see lstm_mpi/linalg/panels.h), compiled once for each vector level;
 * panel_reference.c has the plain form of each. */

#include "panel_functions.h"

#include "for_width.h"
#include "lstm_mpi/base/smaller.h"
#include "transpose_block.h"

enum { PACK_DEPTH = 128 };

/* In blocks of depth, so that a part of the panel is finished while it is in the L1 cache. */
static void pack_transposed(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel)
{
    for (size_t k = 0; k < depth; k += PACK_DEPTH) {
        size_t block = smaller(depth - k, PACK_DEPTH);
        transpose_block(width, lanes, block, source + k, lane_stride, panel + k * width);
    }
}

/* Of memcpy alone the compiler makes moves of 16 bytes. */
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
        return;
    }
#define COPY(width) copy_lanes(width, depth, source, depth_stride, factors, panel)
    if (width < 16)
        FOR_NARROW_WIDTH(width, COPY, COPY(width));
    else
        FOR_WIDE_WIDTH(width, COPY, COPY(width));
#undef COPY
}

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
#define ADD_WEIGHTED(columns) add_weighted(rows, width, columns, panel, factors, sum)
    FOR_WIDE_WIDTH(columns, ADD_WEIGHTED, ADD_WEIGHTED(columns));
#undef ADD_WEIGHTED
}

static void scale_rows(size_t rows, size_t width, const float *restrict factors, float *restrict panel)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < width; i++)
            panel[row * width + i] *= factors[row];
    }
}

const struct panel_functions LSTM_MPI_LEVEL_NAME(panel_functions) = {
    .pack_transposed = pack_transposed,
    .pack_copied = pack_copied,
    .add_weighted_rows = add_weighted_rows,
    .scale_rows = scale_rows,
};
