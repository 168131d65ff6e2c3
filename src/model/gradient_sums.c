#include "gradient_sums.h"

#include "lstm_mpi/linalg/exact_sum.h"
#include "lstm_mpi/linalg/vector.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static double largest_of_rank(const struct position_values *values)
{
    float largest = 0;
    for (size_t position = 0; position < values->positions; position++)
        largest = fmaxf(largest, vector_largest(values->width, values->values + position * values->stride));
    return (double)largest;
}

struct position_values gradient_sums_values(const struct gradient_sums *sums, struct position_values values)
{
    if (sums->exact)
        values.largest = sums->exact->largest_of_all(sums->exact->context, largest_of_rank(&values));
    return values;
}

double gradient_sums_rounder(const struct gradient_sums *sums, double largest_term)
{
    return exact_sum_rounder((double)sums->exact->positions * largest_term);
}

void gradient_sums_product(const struct gradient_sums *sums, size_t offset,
                           const struct position_panels *left, const struct position_panels *right,
                           bool accumulate)
{
    size_t width = right->panels[0].source.lanes;
    if (sums->exact) {
        assert(!accumulate);
        struct exact_matrix matrix = {sums->exact->sums + offset, width, false};
        exact_sum_products(&matrix, left->panels, right->panels, left->pieces,
                           gradient_sums_rounder(sums, left->largest * right->largest), false);
    } else {
        panels_multiply(sums->plain + offset, width, &left->panels[0], &right->panels[0], accumulate);
    }
}

void gradient_sums_vector(const struct gradient_sums *sums, size_t offset,
                          const struct position_values *values, bool accumulate)
{
    size_t width = values->width;
    if (sums->exact) {
        assert(!accumulate);
        double *vector = sums->exact->sums + offset;
        double rounder = gradient_sums_rounder(sums, values->largest);
        memset(vector, 0, width * sizeof *vector);
        for (size_t position = 0; position < values->positions; position++)
            exact_sum_add(width, values->values + position * values->stride, rounder, vector);
    } else {
        float *vector = sums->plain + offset;
        if (!accumulate)
            memset(vector, 0, width * sizeof *vector);
        for (size_t position = 0; position < values->positions; position++)
            vector_add(width, values->values + position * values->stride, vector);
    }
}

void gradient_sums_rows(const struct gradient_sums *sums, size_t offset, size_t stride,
                        const struct position_values *values, const uint32_t *rows)
{
    size_t width = values->width;
    double rounder = sums->exact ? gradient_sums_rounder(sums, values->largest) : 0;
    for (size_t position = 0; position < values->positions; position++) {
        const float *from = values->values + position * values->stride;
        size_t to = offset + rows[position] * stride;
        if (sums->exact)
            exact_sum_add(width, from, rounder, sums->exact->sums + to);
        else
            vector_add(width, from, sums->plain + to);
    }
}
