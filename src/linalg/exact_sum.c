#include "lstm_mpi/linalg/exact_sum.h"

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/smaller.h"
#include "vector_functions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double exact_sum_rounder(double bound)
{
    int exponent;
    if (!isfinite(bound))
        return NAN;
    /* Twice the bound: float32's rounding may have made the terms a little larger. */
    (void)frexp(2 * bound, &exponent);
    return bound > 0 ? ldexp(1.5, exponent + 1) : 0;
}

void exact_sum_add(size_t count, const float *x, double rounder, double *sums)
{
    vector_functions_in_use()->add_rounded(count, x, rounder, sums);
}

/* The sums of a block of C, as wide as a panel, stay in the L1 cache while all products are added. */
enum { BLOCK_FLOATS = 2048 };

struct block {
    struct range rows;
    struct range columns;
};

static inline void write_line(double *line, size_t count, const double *sums, size_t step, bool accumulate)
{
    for (size_t i = 0; i < count; i++)
        line[i] = sums[i * step] + (accumulate ? line[i] : 0);
}

static void write_block(const struct exact_matrix *C, const struct block *block, const double *sums,
                        bool accumulate)
{
    struct range rows = block->rows;
    struct range columns = block->columns;
    if (C->transposed) {
        for (size_t column = 0; column < columns.count; column++)
            write_line(C->sums + (columns.first + column) * C->stride + rows.first, rows.count, sums + column,
                       columns.count, accumulate);
    } else {
        for (size_t row = 0; row < rows.count; row++)
            write_line(C->sums + (rows.first + row) * C->stride + columns.first, columns.count,
                       sums + row * columns.count, 1, accumulate);
    }
}

static void sum_block(const struct exact_matrix *C, const struct panels *A, const struct panels *B,
                      size_t count, const struct block *block, double rounder, bool accumulate)
{
    float product[BLOCK_FLOATS];
    double sums[BLOCK_FLOATS];
    size_t rows = block->rows.count;
    size_t columns = block->columns.count;
    memset(sums, 0, rows * columns * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        struct panels left = panels_slice(&A[i], block->rows, (struct range){0, A[i].source.depth});
        struct panels right = panels_slice(&B[i], block->columns, (struct range){0, B[i].source.depth});
        panels_multiply(product, columns, &left, &right, false);
        exact_sum_add(rows * columns, product, rounder, sums);
    }
    write_block(C, block, sums, accumulate);
}

void exact_sum_products(const struct exact_matrix *C, const struct panels *A, const struct panels *B,
                        size_t count, double rounder, bool accumulate)
{
    assert(count > 0 && A->width * B->width <= BLOCK_FLOATS);
    size_t most_rows = BLOCK_FLOATS / B->width / A->width * A->width;
    for (size_t column = 0; column < B->source.lanes; column += B->width) {
        struct block block = {.columns = {column, smaller(B->source.lanes - column, B->width)}};
        for (size_t row = 0; row < A->source.lanes; row += most_rows) {
            block.rows = (struct range){row, smaller(A->source.lanes - row, most_rows)};
            sum_block(C, A, B, count, &block, rounder, accumulate);
        }
    }
}
