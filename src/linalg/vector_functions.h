#ifndef LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H
#define LSTM_MPI_LINALG_VECTOR_FUNCTIONS_H

/* What vector_loops.c supplies for each vector level; the meanings are in lstm_mpi/linalg/vector.h. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stddef.h>

struct vector_functions {
    void (*add)(size_t count, const float *x, float *y);
    void (*sum)(size_t count, const float *x, const float *y, float *out);
    void (*axpy)(size_t count, float a, const float *x, float *y);
    double (*sum_of_squares)(size_t count, const float *x);
    double (*softmax_loss)(size_t count, float *logits, const float *bias, size_t target, float scale,
                           float *bias_gradient);
    /* A panel (see panels.h) of which `lanes` are filled and the rest is zero: lane l at depth k is
     * source[l·lane_stride + k], or source[k·depth_stride + l]. */
    void (*pack_transposed)(size_t width, size_t lanes, size_t depth, const float *source, size_t lane_stride,
                            float *panel);
    void (*pack_copied)(size_t width, size_t lanes, size_t depth, const float *source, size_t depth_stride,
                        float *panel);
};

VECTOR_LEVELS_DECLARE(const struct vector_functions, vector_functions);

/* The table of the level in use. */
const struct vector_functions *vector_functions_in_use(void);

#endif
