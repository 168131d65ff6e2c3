#ifndef LSTM_MPI_LINALG_EXACT_SUM_H
#define LSTM_MPI_LINALG_EXACT_SUM_H

/* Sums whose bits depend on their terms alone, not on the order in which they are added: any number of
 * partial sums, made anywhere, come to the same.
 *
 * Every term is first rounded to a multiple of a quantum. The quantum follows from a bound on the sum of the
 * absolute terms, so that every partial sum is a multiple of it that double holds: nothing is rounded any
 * more. Rounding is two additions,
 *
 *     (x + r) - r    with the rounder r = 1.5 · 2^k, whose last place is the quantum 2^(k - 52)
 *
 * and takes at most 2^-50 of the bound from a term (Demmel and Nguyen, Fast reproducible floating-point
 * summation, 2013). Terms that are not finite make the sum so; a bound that is not makes it NaN. */

#include "lstm_mpi/linalg/panels.h"

/* The rounder for terms whose absolute values add up to at most `bound`, float32's rounding of a term aside.
 */
double exact_sum_rounder(double bound);

/* sums += x */
void exact_sum_add(size_t count, const float *x, double rounder, double *sums);

/* A matrix of sums, row-major, its rows `stride` doubles apart; `transposed`: its columns are. */
struct exact_matrix {
    double *sums;
    size_t stride;
    bool transposed;
};

/* C = Σ A[i]·B[i], or C += that with `accumulate`, over `count` pairs of packed matrices of the same lanes.
 * Each product is a term, computed in float32. */
void exact_sum_products(const struct exact_matrix *C, const struct panels *A, const struct panels *B,
                        size_t count, double rounder, bool accumulate);

#endif
