#ifndef LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H
#define LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H

/* What vector_loops.c supplies for each vector level; the meanings are in lstm_mpi/linalg/vector.h. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/linalg/vector_level.h"

#include <stdbool.h>
#include <stddef.h>

/* What is known of a row of logits, most of it lane by lane: each lane stands for every SOFTMAX_LANES-th
 * column of a panel. */
enum { SOFTMAX_LANES = 16 };
struct softmax_row {
    _Alignas(SOFTMAX_LANES * sizeof(float)) float largest[SOFTMAX_LANES];
    float total[SOFTMAX_LANES]; /* of the exponentials */
    float target_logit;
};

/* Some rows of one wide panel (see panels.h) of logits. */
struct softmax_tile {
    float *logits; /* [rows][width], without the bias */
    size_t width;
    size_t rows;
    size_t columns;          /* at most width */
    const float *bias;       /* [columns] */
    struct softmax_row *row; /* [rows] */
    float *narrow;           /* [columns][narrow_width] */
    size_t narrow_width;
};

/* C = A·B or C += A·B, A in tiles of a few rows, B in wide panels (see panels.h). What it needs later may be
 * fetched into the caches meanwhile. */
enum { MOST_ROWS = 12 };
struct rows_product {
    const float *A; /* row r of tile t at depth k is A[t·tile_stride + r·row_stride + k·depth_stride] */
    size_t tiles;
    size_t tile_stride; /* where rows do not lie side by side, that of all the rows of a tile */
    size_t row_stride;
    size_t depth_stride;
    const float *wide;   /* column c of a panel at depth k is wide[k·wide_width + c] */
    size_t wide_width;   /* columns of a panel */
    size_t panel_stride; /* floats from a panel to the next */
    size_t depth;
    float *C; /* rows `stride` apart, those of all tiles */
    size_t stride;
    size_t rows; /* of a tile, at most MOST_ROWS */
    size_t columns;
    bool accumulate;
    const float *fetched; /* pairs of memory lines that are fetched: the first, for the first column */
    size_t fetch_stride;  /* floats from such a pair to the next */
    size_t fetch_pairs;   /* so many for every fetch_depths of the level, by each strip of columns */
    bool fetches_C;       /* the rows of C are fetched, too, one for every fetch_depths */
};

struct vector_functions {
    void (*add)(size_t count, const float *x, float *y);
    void (*sum)(size_t count, const float *x, const float *y, float *out);
    void (*multiply)(size_t count, const float *x, float *y);
    void (*axpy)(size_t count, float a, const float *x, float *y);
    void (*axpby)(size_t count, float a, const float *x, float b, float *y); /* y = a·x + b·y */
    void (*scale)(size_t count, float a, float *x);
    double (*sum_of_squares)(size_t count, const float *x);
    void (*multiply_rows)(const struct rows_product *product);
    bool outruns_blis;    /* multiply_rows does, whatever the number of rows */
    bool fuses;           /* multiply_rows rounds a product and its addition once, not each of them */
    size_t strip_columns; /* the width of wide panels must be a multiple of this */
    size_t register_rows; /* so many rows' sums stay in registers */
    size_t fetch_depths;  /* from one time that something is fetched ahead to the next */
    /* The row becomes exp(logits + bias - largest); returns the sum of that, and the largest. */
    float (*softmax_of_row)(size_t count, float *logits, const float *bias, float *largest);
    /* largest[lane] = the largest of itself and logits + bias */
    void (*softmax_largest)(const struct softmax_tile *tile);
    /* The logits become exp(logits + bias - largest[0]), zero from `columns` on, are added to the totals, and
     * go to `narrow` transposed, zero from `rows` on. */
    void (*softmax_exponentials)(const struct softmax_tile *tile);
    /* sum[column] += Σ over the rows of factors[row] · panel[row][column], rows `width` apart */
    void (*add_weighted_rows)(size_t rows, size_t width, size_t columns, const float *panel,
                              const float *factors, float *sum);
    /* panel[row][column] *= factors[row] */
    void (*scale_rows)(size_t rows, size_t width, const float *factors, float *panel);
    /* A panel (see panels.h) of which `lanes` are filled and the rest is zero: lane l at depth k is
     * source[l·lane_stride + k], or source[k·depth_stride + l], times factors[k] unless factors is NULL. */
    void (*pack_transposed)(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel);
    void (*pack_copied)(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        const float *factors, float *panel);
    /* The largest |x|; NaN counts as nothing. */
    float (*largest)(size_t count, const float *x);
    /* sums += (x + rounder) - rounder (see exact_sum.h) */
    void (*add_rounded)(size_t count, const float *x, double rounder, double *sums);
};

VECTOR_LEVELS_DECLARE(const struct vector_functions, vector_functions);

/* The table of the level in use. */
const struct vector_functions *vector_functions_in_use(void);

#endif
