#ifndef LSTM_MPI_LINALG_PACK_PANEL_H
#define LSTM_MPI_LINALG_PACK_PANEL_H

#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/panels.h"
#include "panel_functions.h"

/* The panel (see panels.h) of `width` lanes that begins with lane `lane` of a matrix, at some of its depths:
 * depth k of the matrix times factors[k], unless factors is NULL. Where there are factors, the lanes of a
 * depth must lie side by side. */
static inline void pack_panel(const struct panels_source *source, size_t lane, struct range depths,
                              size_t width, const float *factors, float *panel)
{
    const struct panel_functions *functions = panel_functions_in_use();
    const float *first = source->data + lane * source->lane_stride + depths.first * source->depth_stride;
    size_t lanes = smaller(source->lanes - lane, width);
    if (source->lane_stride == 1)
        functions->pack_copied(width, lanes, depths.count, first, source->depth_stride,
                               factors ? factors + depths.first : NULL, panel);
    else
        functions->pack_transposed(width, lanes, depths.count, first, source->lane_stride, panel);
}

#endif
