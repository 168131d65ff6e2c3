#ifndef LSTM_MPI_LINALG_PANEL_FUNCTIONS_H
#define LSTM_MPI_LINALG_PANEL_FUNCTIONS_H

/* What panel_loops.c supplies for each vector level: loops over one panel (see lstm_mpi/linalg/panels.h). */

#include "lstm_mpi/linalg/vector_level.h"

#include <stddef.h>

struct panel_functions {
    /* A panel of which `lanes` are filled and the rest is zero: lane l at depth k is source[l·lane_stride +
     * k], or source[k·depth_stride + l], times factors[k] unless factors is NULL. */
    void (*pack_transposed)(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel);
    void (*pack_copied)(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        const float *factors, float *panel);
    /* sum[column] += Σ over the rows of factors[row] · panel[row][column], rows `width` apart */
    void (*add_weighted_rows)(size_t rows, size_t width, size_t columns, const float *panel,
                              const float *factors, float *sum);
    /* panel[row][column] *= factors[row] */
    void (*scale_rows)(size_t rows, size_t width, const float *factors, float *panel);
};

VECTOR_LEVELS_DECLARE(const struct panel_functions, panel_functions);

/* The table of the level in use. */
const struct panel_functions *panel_functions_in_use(void);

#endif
