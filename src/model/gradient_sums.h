#ifndef LSTM_MPI_MODEL_GRADIENT_SUMS_H
#define LSTM_MPI_MODEL_GRADIENT_SUMS_H

/* Gradients of weights are sums over all positions (time steps × rows) of a batch. Here they are taken, in
 * one of two ways: plainly, in float32, over all positions at once; or exactly, row by row (see
 * lstm_mpi/model/exact_gradients.h). */

#include "lstm_mpi/linalg/panels.h"
#include "lstm_mpi/model/exact_gradients.h"

#include <stdint.h>

/* Where they go, in the layout of parameters.h. One of the two is NULL. */
struct gradient_sums {
    float *plain;
    const struct exact_gradients *exact;
};

/* Values at all positions: [steps, rows, width]. */
struct position_values {
    const float *values;
    size_t positions;
    size_t width;
    double largest; /* of the absolute values, over the whole batch; exact sums alone need it */
};

/* The largest absolute value is found here, if it is needed: among all who share the batch. */
struct position_values gradient_sums_values(const struct gradient_sums *sums, const float *values,
                                            size_t positions, size_t width);

/* A bound on the sum over the whole batch of terms that are at most `largest_term`, as a rounder. */
double gradient_sums_rounder(const struct gradient_sums *sums, double largest_term);

/* Room for the sums over left[position]ᵀ · right[position], which are products as deep as there are
 * positions: one product of all of them, or one a row. */
struct position_product {
    size_t pieces;
    struct panels *left;  /* [pieces], [left width lanes, positions of a piece] */
    struct panels *right; /* [pieces], [right width lanes, positions of a piece] */
};

MUST_CHECK enum status gradient_sums_product_create(struct position_product *product, size_t left_width,
                                                    size_t right_width, size_t rows, size_t steps, bool exact,
                                                    struct error *error);
void gradient_sums_product_free(struct position_product *product);

/* Floats that it holds. */
size_t gradient_sums_product_floats(const struct position_product *product);

/* The matrix at `offset`, [left width, right width], becomes Σ left[position]ᵀ · right[position]. */
void gradient_sums_product(const struct gradient_sums *sums, size_t offset, struct position_product *product,
                           const struct position_values *left, const struct position_values *right);

/* The vector at `bias` becomes Σ values[position], and each position's values are added to row
 * table_rows[position] of the table at `table`. */
void gradient_sums_rows(const struct gradient_sums *sums, size_t bias, size_t table,
                        const struct position_values *values, const uint32_t *table_rows);

#endif
