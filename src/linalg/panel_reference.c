#include "reference.h"

static void pack_transposed(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t lane = 0; lane < width; lane++)
            panel[k * width + lane] = lane < lanes ? source[lane * lane_stride + k] : 0;
    }
}

static void pack_copied(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        const float *factors, float *panel)
{
    for (size_t k = 0; k < depth; k++) {
        float factor = factors ? factors[k] : 1;
        for (size_t lane = 0; lane < width; lane++)
            panel[k * width + lane] = lane < lanes ? factor * source[k * depth_stride + lane] : 0;
    }
}

static void add_weighted_rows(size_t rows, size_t width, size_t columns, const float *panel,
                              const float *factors, float *sum)
{
    for (size_t column = 0; column < columns; column++) {
        double total = (double)sum[column];
        for (size_t row = 0; row < rows; row++)
            total += (double)factors[row] * (double)panel[row * width + column];
        sum[column] = (float)total;
    }
}

static void scale_rows(size_t rows, size_t width, const float *factors, float *panel)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < width; column++)
            panel[row * width + column] *= factors[row];
    }
}

const struct panel_functions panel_reference = {
    .pack_transposed = pack_transposed,
    .pack_copied = pack_copied,
    .add_weighted_rows = add_weighted_rows,
    .scale_rows = scale_rows,
};
