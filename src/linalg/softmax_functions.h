#ifndef LSTM_MPI_LINALG_SOFTMAX_FUNCTIONS_H
#define LSTM_MPI_LINALG_SOFTMAX_FUNCTIONS_H

/* What softmax_loops.c supplies for each vector level. */

#include "lstm_mpi/linalg/vector_level.h"

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

struct softmax_functions {
    /* The row becomes exp(logits + bias - largest); returns the sum of that, and the largest. */
    float (*of_row)(size_t count, float *logits, const float *bias, float *largest);
    /* largest[lane] = the largest of itself and logits + bias */
    void (*largest)(const struct softmax_tile *tile);
    /* The logits become exp(logits + bias - largest[0]), zero from `columns` on, are added to the totals, and
     * go to `narrow` transposed, zero from `rows` on. */
    void (*exponentials)(const struct softmax_tile *tile);
};

VECTOR_LEVELS_DECLARE(const struct softmax_functions, softmax_functions);

#endif
