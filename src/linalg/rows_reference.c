#include "reference.h"

static void multiply_rows(const struct rows_product *product)
{
    for (size_t row = 0; row < product->tiles * product->rows; row++) {
        for (size_t column = 0; column < product->columns; column++) {
            const float *A = product->A + row / product->rows * product->tile_stride +
                             row % product->rows * product->row_stride;
            const float *wide = product->wide + column / product->wide_width * product->panel_stride +
                                column % product->wide_width;
            float *C = product->C + row * product->stride + column;
            double total = product->accumulate ? (double)*C : 0;
            for (size_t k = 0; k < product->depth; k++)
                total += (double)A[k * product->depth_stride] * (double)wide[k * product->wide_width];
            *C = (float)total;
        }
    }
}

const struct rows_kernel rows_reference = {
    .multiply = multiply_rows,
    .strip_columns = 1,
    .register_rows = MOST_ROWS,
    .fetch_depths = 1,
};
