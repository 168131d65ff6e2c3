#ifndef LSTM_MPI_LINALG_ROWS_PRODUCT_H
#define LSTM_MPI_LINALG_ROWS_PRODUCT_H

/* What multiply_rows.c supplies for each vector level: products of tiles of few rows. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stdbool.h>
#include <stddef.h>

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

struct rows_kernel {
    void (*multiply)(const struct rows_product *product);
    size_t strip_columns; /* the width of wide panels must be a multiple of this */
    size_t register_rows; /* so many rows' sums stay in registers */
    size_t fetch_depths;  /* from one time that something is fetched ahead to the next */
    bool fuses;           /* rounds a product and its addition once, not each of them */
    bool outruns_blis;    /* whatever the number of rows */
};

VECTOR_LEVELS_DECLARE(const struct rows_kernel, rows_kernel);

#endif
