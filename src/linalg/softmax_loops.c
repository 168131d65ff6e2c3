/* The loops of softmax.c, compiled once for each vector level; softmax_reference.c has the plain form of
 * each. */

#include "softmax_functions.h"

#include "for_width.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/vector_math.h"
#include "transpose_block.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Subtracting the largest logit first keeps every exponential at most 1. */
static float softmax_of_row(size_t count, float *restrict logits, const float *restrict bias,
                            float *largest_logit)
{
    float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++) {
        logits[i] += bias[i];
        largest = logits[i] > largest ? logits[i] : largest;
    }
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++) {
        logits[i] = vector_expf(logits[i] - largest);
        total += logits[i];
    }
    *largest_logit = largest;
    return total;
}

/* Column by column. */
static void largest_of_columns(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        const float *logits = tile->logits + r * tile->width;
        for (size_t i = 0; i < tile->columns; i++) {
            float *largest = &tile->row[r].largest[i % SOFTMAX_LANES];
            float logit = logits[i] + tile->bias[i];
            *largest = logit > *largest ? logit : *largest;
        }
    }
}

static inline __attribute__((always_inline)) void largest_of_vectors(const struct softmax_tile *tile,
                                                                     size_t width)
{
    const float *restrict bias = tile->bias;
    struct softmax_row *restrict row = tile->row;
    size_t rows = tile->rows;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict logits = tile->logits + r * width;
        for (size_t first = 0; first < width; first += SOFTMAX_LANES) {
            size_t lanes = smaller(width - first, SOFTMAX_LANES);
#pragma omp simd
            for (size_t lane = 0; lane < lanes; lane++) {
                float logit = logits[first + lane] + bias[first + lane];
                row[r].largest[lane] = logit > row[r].largest[lane] ? logit : row[r].largest[lane];
            }
        }
    }
}

static void softmax_largest(const struct softmax_tile *tile)
{
    size_t whole_width = tile->columns == tile->width ? tile->width : 0;
#define LARGEST(width) largest_of_vectors(tile, width)
    FOR_WIDE_WIDTH(whole_width, LARGEST, largest_of_columns(tile));
#undef LARGEST
}

static void exponentials_of_columns(const struct softmax_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        float *logits = tile->logits + r * tile->width;
        struct softmax_row *row = &tile->row[r];
        for (size_t i = 0; i < tile->columns; i++)
            logits[i] = vector_expf(logits[i] + tile->bias[i] - row->largest[0]);
        for (size_t i = 0; i < tile->columns; i++)
            row->total[i % SOFTMAX_LANES] += logits[i];
        memset(logits + tile->columns, 0, (tile->width - tile->columns) * sizeof *logits);
    }
}

static inline __attribute__((always_inline)) void exponentials_of_vectors(const struct softmax_tile *tile,
                                                                          size_t width)
{
    const float *restrict bias = tile->bias;
    struct softmax_row *restrict row = tile->row;
    size_t rows = tile->rows;
    for (size_t r = 0; r < rows; r++) {
        float *restrict logits = tile->logits + r * width;
        float largest = row[r].largest[0];
        for (size_t first = 0; first < width; first += SOFTMAX_LANES) {
            size_t lanes = smaller(width - first, SOFTMAX_LANES);
#pragma omp simd
            for (size_t lane = 0; lane < lanes; lane++) {
                float *logit = &logits[first + lane];
                *logit = vector_expf(*logit + bias[first + lane] - largest);
                row[r].total[lane] += *logit;
            }
        }
    }
}

/* Whole tiles are small: known shapes spare most of what comes before the first element. */
static void transpose_tile(const struct softmax_tile *tile)
{
    bool whole = tile->columns == tile->width && tile->rows == tile->narrow_width;
    if (whole && tile->width == 16 && tile->rows == 6)
        transpose_block(6, 6, 16, tile->logits, 16, tile->narrow);
    else if (whole && tile->width == 24 && tile->rows == 4)
        transpose_block(4, 4, 24, tile->logits, 24, tile->narrow);
    else if (whole && tile->width == 32 && tile->rows == 12)
        transpose_block(12, 12, 32, tile->logits, 32, tile->narrow);
    else
        transpose_block(tile->narrow_width, tile->rows, tile->columns, tile->logits, tile->width,
                        tile->narrow);
}

static void softmax_exponentials(const struct softmax_tile *tile)
{
    size_t whole_width = tile->columns == tile->width ? tile->width : 0;
#define EXPONENTIALS(width) exponentials_of_vectors(tile, width)
    FOR_WIDE_WIDTH(whole_width, EXPONENTIALS, exponentials_of_columns(tile));
#undef EXPONENTIALS
    transpose_tile(tile);
}

const struct softmax_functions LSTM_MPI_LEVEL_NAME(softmax_functions) = {
    .of_row = softmax_of_row,
    .largest = softmax_largest,
    .exponentials = softmax_exponentials,
};
