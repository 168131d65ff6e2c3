#include "vector_reference.h"

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

static float softmax_of_row(size_t count, float *logits, const float *bias, float *largest)
{
    *largest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        logits[i] += bias[i];
        if (logits[i] > *largest)
            *largest = logits[i];
    }
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        logits[i] = (float)exp((double)logits[i] - (double)*largest);
        total += (double)logits[i];
    }
    return (float)total;
}

static void softmax_largest(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t column = 0; column < tile->columns; column++) {
            float *largest = &tile->row[r].largest[column % SOFTMAX_LANES];
            *largest = fmaxf(*largest, tile->logits[r * tile->width + column] + tile->bias[column]);
        }
    }
}

static void softmax_exponentials(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        struct softmax_row *row = &tile->row[r];
        for (size_t column = 0; column < tile->width; column++) {
            float *logit = &tile->logits[r * tile->width + column];
            if (column < tile->columns)
                *logit = (float)exp((double)(*logit + tile->bias[column]) - (double)row->largest[0]);
            else
                *logit = 0;
            row->total[column % SOFTMAX_LANES] += *logit;
        }
    }
    for (size_t column = 0; column < tile->columns; column++) {
        for (size_t r = 0; r < tile->narrow_width; r++)
            tile->narrow[column * tile->narrow_width + r] =
                r < tile->rows ? tile->logits[r * tile->width + column] : 0;
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
    .multiply_rows = multiply_rows,
    .strip_columns = 1,
    .register_rows = MOST_ROWS,
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
