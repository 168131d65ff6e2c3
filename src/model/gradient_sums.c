#include "gradient_sums.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/exact_sum.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

struct position_values gradient_sums_values(const struct gradient_sums *sums, const float *values,
                                            size_t positions, size_t width)
{
    struct position_values described = {values, positions, width, 0};
    if (sums->exact)
        described.largest = sums->exact->largest_of_all(sums->exact->context,
                                                        (double)vector_largest(positions * width, values));
    return described;
}

double gradient_sums_rounder(const struct gradient_sums *sums, double largest_term)
{
    return exact_sum_rounder((double)sums->exact->positions * largest_term);
}

enum status gradient_sums_product_create(struct position_product *product, size_t left_width,
                                         size_t right_width, size_t rows, size_t steps, bool exact,
                                         struct error *error)
{
    enum status status;
    size_t pieces = exact ? rows : 1;
    size_t positions = exact ? steps : steps * rows;
    *product = (struct position_product){0};
    TRY(memory_new(&product->left, pieces, error));
    TRY(memory_new(&product->right, pieces, error));
    product->pieces = pieces;
    for (size_t i = 0; i < pieces; i++) {
        TRY(panels_create(&product->left[i], PANELS_NARROW, left_width, positions, error));
        TRY(panels_create(&product->right[i], PANELS_WIDE, right_width, positions, error));
    }
done:
    if (status != STATUS_OK)
        gradient_sums_product_free(product);
    return status;
}

void gradient_sums_product_free(struct position_product *product)
{
    for (size_t i = 0; i < product->pieces; i++) {
        panels_free(&product->left[i]);
        panels_free(&product->right[i]);
    }
    memory_free(product->left);
    memory_free(product->right);
    *product = (struct position_product){0};
}

size_t gradient_sums_product_floats(const struct position_product *product)
{
    size_t floats = 0;
    for (size_t i = 0; i < product->pieces; i++)
        floats += product->left[i].capacity + product->right[i].capacity;
    return floats;
}

/* Piece i has every pieces-th position, from i on: all of them, or those of row i. */
static void pack_pieces(struct panels *panels, size_t pieces, const struct position_values *values)
{
    for (size_t i = 0; i < pieces; i++)
        panels_pack(&panels[i], (struct panels_source){.data = values->values + i * values->width,
                                                       .lanes = values->width,
                                                       .depth = values->positions / pieces,
                                                       .lane_stride = 1,
                                                       .depth_stride = pieces * values->width});
}

void gradient_sums_product(const struct gradient_sums *sums, size_t offset, struct position_product *product,
                           const struct position_values *left, const struct position_values *right)
{
    pack_pieces(product->left, product->pieces, left);
    pack_pieces(product->right, product->pieces, right);
    if (sums->exact)
        exact_sum_products(sums->exact->sums + offset, right->width, product->left, product->right,
                           product->pieces, gradient_sums_rounder(sums, left->largest * right->largest),
                           false);
    else
        panels_multiply(sums->plain + offset, right->width, product->left, product->right, false);
}

static void add_rows(float *bias, float *table, const struct position_values *values,
                     const uint32_t *table_rows)
{
    size_t width = values->width;
    memset(bias, 0, width * sizeof *bias);
    for (size_t position = 0; position < values->positions; position++) {
        const float *row = values->values + position * width;
        vector_add(width, row, bias);
        vector_add(width, row, table + table_rows[position] * width);
    }
}

static void add_rows_exactly(double *bias, double *table, const struct position_values *values,
                             const uint32_t *table_rows, double rounder)
{
    size_t width = values->width;
    memset(bias, 0, width * sizeof *bias);
    for (size_t position = 0; position < values->positions; position++) {
        const float *row = values->values + position * width;
        exact_sum_add(width, row, rounder, bias);
        exact_sum_add(width, row, rounder, table + table_rows[position] * width);
    }
}

void gradient_sums_rows(const struct gradient_sums *sums, size_t bias, size_t table,
                        const struct position_values *values, const uint32_t *table_rows)
{
    if (sums->exact)
        add_rows_exactly(sums->exact->sums + bias, sums->exact->sums + table, values, table_rows,
                         gradient_sums_rounder(sums, values->largest));
    else
        add_rows(sums->plain + bias, sums->plain + table, values, table_rows);
}
