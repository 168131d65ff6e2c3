#ifndef LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H
#define LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H

/* What vector_loops.c supplies for each vector level; the meanings are in lstm_mpi/linalg/vector.h. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stdbool.h>
#include <stddef.h>

/* Some rows × columns of exponentials on their way to gradients: each row times its factor goes to `wide` in
 * row order, from there to `narrow` transposed, and is added to `bias_gradient`. */
struct softmax_tile {
    const float *exponentials; /* rows `stride` apart */
    size_t stride;
    size_t rows;
    size_t columns;       /* at most wide_width */
    const float *factors; /* [rows] */
    float *wide;          /* [rows][wide_width], zero from `columns` on */
    size_t wide_width;    /* at most SOFTMAX_TILE_COLUMNS */
    float *narrow;        /* [columns][narrow_width], zero from `rows` on */
    size_t narrow_width;
    float *bias_gradient; /* [columns] */
};
enum { SOFTMAX_TILE_COLUMNS = 64 };

enum { FEW_ROWS = 11 };
struct few_rows {
    const float *narrow; /* [depth][narrow_width] */
    size_t narrow_width;
    const float *wide; /* [depth][wide_width] */
    size_t wide_width;
    size_t depth;
    float *C; /* rows `stride` apart */
    size_t stride;
    size_t rows;
    size_t columns;
    bool accumulate;
};

struct vector_functions {
    void (*add)(size_t count, const float *x, float *y);
    void (*sum)(size_t count, const float *x, const float *y, float *out);
    void (*axpy)(size_t count, float a, const float *x, float *y);
    double (*sum_of_squares)(size_t count, const float *x);
    /* C = A·B or C += A·B for at most FEW_ROWS rows of one narrow panel and the columns of one wide panel
     * (see panels.h): what BLIS's kernel does, which always computes all lanes of the narrow panel. */
    void (*multiply_few_rows)(const struct few_rows *product);
    size_t strip_columns; /* wide panels must be a multiple of this */
    /* The row becomes exp(logits + bias - largest); returns the sum of that, and the largest. */
    float (*softmax_exponentials)(size_t count, float *logits, const float *bias, float *largest);
    /* See softmax.c. */
    void (*softmax_tile)(const struct softmax_tile *tile);
    /* A panel (see panels.h) of which `lanes` are filled and the rest is zero: lane l at depth k is
     * source[l·lane_stride + k], or source[k·depth_stride + l]. */
    void (*pack_transposed)(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel);
    void (*pack_copied)(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        float *panel);
    /* The largest |x|; NaN counts as nothing. */
    float (*largest)(size_t count, const float *x);
    /* sums += (x + rounder) - rounder (see exact_sum.h) */
    void (*add_rounded)(size_t count, const float *x, double rounder, double *sums);
};

VECTOR_LEVELS_DECLARE(const struct vector_functions, vector_functions);

/* The table of the level in use. */
const struct vector_functions *vector_functions_in_use(void);

#endif
