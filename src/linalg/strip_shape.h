#ifndef LSTM_MPI_LINALG_STRIP_SHAPE_H
#define LSTM_MPI_LINALG_STRIP_SHAPE_H

/* The strips of multiply_rows.c, for the vector level that it is compiled for. */

#include "floats.h"

#include <stdbool.h>

/* A strip of columns is a panel wide, or two where the sums of so few rows leave registers for them, or what
 * is left of the last panel.
 *
 * With AVX2, 4 rows of 3 vectors take 19 instructions, 7 of them loads, for 12 multiplications, where the 6
 * rows of 2 vectors of BLIS's kernels take 20 and 8: less to begin where a core is shared with another
 * thread, and fewer rows that are there for nothing in the last tile. Logits of 384 rows are faster by 2 to 4
 * percent, those of 140 by 5, steps of 32 rows by 1 to 5 (medians of products in turns, Zen 3). */
#if defined(__AVX512F__)
enum { PANEL_VECTORS = 2, TWO_PANEL_ROWS = 6, REGISTER_ROWS = 12, FETCH_DEPTHS = 16 };
enum { TILES_OF_ONE_VECTOR = 1, TAKES_ONE_FROM_MEMORY = true, OUTRUNS_BLIS = false };
#elif defined(__AVX2__)
enum { PANEL_VECTORS = 3, TWO_PANEL_ROWS = 2, REGISTER_ROWS = 4, FETCH_DEPTHS = 32 };
enum { TILES_OF_ONE_VECTOR = 2, TAKES_ONE_FROM_MEMORY = false, OUTRUNS_BLIS = true };
#else
enum { PANEL_VECTORS = 2, TWO_PANEL_ROWS = 2, REGISTER_ROWS = 6, FETCH_DEPTHS = 32 };
enum { TILES_OF_ONE_VECTOR = 1, TAKES_ONE_FROM_MEMORY = false, OUTRUNS_BLIS = false };
#endif
enum { MOST_VECTORS = 2 * PANEL_VECTORS };
#define PANEL_COLUMNS (PANEL_VECTORS * VECTOR_FLOATS)
#ifdef __FP_FAST_FMAF
enum { FUSES = true };
#else
enum { FUSES = false };
#endif

/* EACH_STRIP(X): X(layout, rows, vectors) for every strip that may be asked for, EACH_LAYOUT(X, rows,
 * vectors) being that for every layout. */
#define EACH_OF_2_ROWS(X, vectors) EACH_LAYOUT(X, 1, vectors) EACH_LAYOUT(X, 2, vectors)
#define EACH_OF_4_ROWS(X, vectors) \
    EACH_OF_2_ROWS(X, vectors)     \
    EACH_LAYOUT(X, 3, vectors)     \
    EACH_LAYOUT(X, 4, vectors)
#define EACH_OF_6_ROWS(X, vectors) \
    EACH_OF_4_ROWS(X, vectors)     \
    EACH_LAYOUT(X, 5, vectors)     \
    EACH_LAYOUT(X, 6, vectors)
#define EACH_OF_12_ROWS(X, vectors) \
    EACH_OF_6_ROWS(X, vectors)      \
    EACH_LAYOUT(X, 7, vectors)      \
    EACH_LAYOUT(X, 8, vectors)      \
    EACH_LAYOUT(X, 9, vectors)      \
    EACH_LAYOUT(X, 10, vectors)     \
    EACH_LAYOUT(X, 11, vectors)     \
    EACH_LAYOUT(X, 12, vectors)
#if defined(__AVX512F__)
#define EACH_STRIP(X) EACH_OF_12_ROWS(X, 1) EACH_OF_12_ROWS(X, 2) EACH_OF_6_ROWS(X, 4)
#elif defined(__AVX2__)
#define EACH_STRIP(X)    \
    EACH_OF_4_ROWS(X, 1) \
    EACH_OF_4_ROWS(X, 2) EACH_OF_4_ROWS(X, 3) EACH_OF_2_ROWS(X, 6) X(PACKED, 8, 1) X(A_IS_MATRIX, 8, 1)
#else
#define EACH_STRIP(X) EACH_OF_6_ROWS(X, 1) EACH_OF_6_ROWS(X, 2) EACH_OF_2_ROWS(X, 4)
#endif

#endif
