#include "reference.h"

#include <math.h>

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

const struct softmax_functions softmax_reference = {
    .of_row = softmax_of_row,
    .largest = softmax_largest,
    .exponentials = softmax_exponentials,
};
