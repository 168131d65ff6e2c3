#ifndef LSTM_MPI_MODEL_GRADIENT_SUMS_H
#define LSTM_MPI_MODEL_GRADIENT_SUMS_H

/* Gradients of weights are sums over all positions (time steps × rows) of a batch. Here they are taken, in
 * one of two ways: plainly, in float32, some consecutive positions at a time; or exactly, all at once and row
 * by row (see lstm_mpi/model/exact_gradients.h). */

#include "lstm_mpi/model/exact_gradients.h"
#include "position_panels.h"

#include <stdint.h>

/* Where they go, in the layout of parameters.h. One of the two is NULL. */
struct gradient_sums {
    float *plain;
    const struct exact_gradients *exact;
};

/* The values and, for exact sums, the largest of them among all who share the batch, which is collective. */
struct position_values gradient_sums_values(const struct gradient_sums *sums, struct position_values values);

/* A bound on the sum over the whole batch of terms that are at most `largest_term`, as a rounder. */
double gradient_sums_rounder(const struct gradient_sums *sums, double largest_term);

/* The matrix at `offset`, [left width, right width], becomes Σ left[position]ᵀ · right[position], or with
 * `accumulate`, which exact sums do not know, that is added to it. */
void gradient_sums_product(const struct gradient_sums *sums, size_t offset,
                           const struct position_panels *left, const struct position_panels *right,
                           bool accumulate);

/* The vector at `offset` becomes Σ values[position], or that is added to it likewise. */
void gradient_sums_vector(const struct gradient_sums *sums, size_t offset,
                          const struct position_values *values, bool accumulate);

/* Each position's values are added to row rows[position] of a table at `offset`, whose rows are `stride`
 * numbers apart. */
void gradient_sums_rows(const struct gradient_sums *sums, size_t offset, size_t stride,
                        const struct position_values *values, const uint32_t *rows);

#endif
