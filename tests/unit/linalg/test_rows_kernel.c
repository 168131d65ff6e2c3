/* multiply_rows.c at every vector level that this CPU can run, against rows_reference.c. */

#include "levels.h"
#include "lstm_mpi/base/smaller.h"
#include "reference.h"

#include <string.h>

enum { MARGIN = 16 };

/* More than two times the fetch_depths of any level, and some. */
enum { ROWS_DEPTH = 71, ROWS_GAP = 3, ROWS_LEAST_STRIDE = 13, MOST_TILES = 5 };

/* How the operands of a product lie in memory: A row by row or depth by depth, as many rows apart as it is
 * packed or more; B in two wide panels, as wide as a strip or wider, with a gap between them. */
struct rows_layout {
    bool A_by_rows;
    bool A_has_gaps;
    bool B_has_wide_panels;
};

static size_t panel_width(const struct rows_kernel *level, struct rows_layout layout)
{
    return layout.B_has_wide_panels ? 2 * level->strip_columns : level->strip_columns;
}

static void lay_out(struct rows_product *product, const struct rows_kernel *level, struct rows_layout layout)
{
    size_t depths_apart = layout.A_has_gaps ? ROWS_LEAST_STRIDE : larger(product->rows, level->register_rows);
    product->row_stride = layout.A_by_rows ? ROWS_DEPTH + 2 : 1;
    product->depth_stride = layout.A_by_rows ? 1 : depths_apart;
    product->tile_stride =
        layout.A_by_rows ? product->rows * product->row_stride : depths_apart * ROWS_DEPTH + ROWS_GAP;
    product->wide_width = panel_width(level, layout);
    product->panel_stride = product->wide_width * ROWS_DEPTH + ROWS_GAP;
}

enum {
    MOST_WIDE = 64,
    ROWS_A = MOST_TILES * (ROWS_LEAST_STRIDE * (ROWS_DEPTH + 2) + ROWS_GAP),
    ROWS_WIDE = 4 * (MOST_WIDE * ROWS_DEPTH + ROWS_GAP),
};
static float rows_A[ROWS_A];
static float rows_wide[ROWS_WIDE];

static void fill_operands(void)
{
    for (size_t i = 0; i < COUNT(rows_A); i++)
        rows_A[i] = (float)random_below(7, 4, i, 9) - 4;
    for (size_t i = 0; i < COUNT(rows_wide); i++)
        rows_wide[i] = (float)random_below(7, 5, i, 9) - 4;
}

static void check_rows_product(const struct rows_kernel *level, struct rows_product product,
                               struct rows_layout layout)
{
    enum { STRIDE = 2 * MOST_WIDE + 5, C_FLOATS = MOST_TILES * MOST_ROWS * STRIDE + MARGIN };
    static float C[C_FLOATS];
    static float expected[C_FLOATS];
    assert_true(2 * level->strip_columns <= MOST_WIDE);
    size_t floats = product.tiles * product.rows * STRIDE + MARGIN;
    for (size_t i = 0; i < floats; i++)
        C[i] = expected[i] = (float)((i * 2654435761U >> 7) % 9);
    lay_out(&product, level, layout);
    product.A = rows_A;
    product.wide = rows_wide;
    product.stride = STRIDE;
    product.fetched = rows_wide + 2 * product.panel_stride;
    product.fetch_stride = 16;
    product.C = C + 1;
    level->multiply(&product);
    product.C = expected + 1;
    rows_reference.multiply(&product);
    assert_memory_equal(C, expected, floats * sizeof *C);
}

static void check_fetching_and_adding(const struct rows_kernel *level, struct rows_product product,
                                      struct rows_layout layout)
{
    check_rows_product(level, product, layout);
    product.accumulate = true;
    check_rows_product(level, product, layout);
    product.fetch_pairs = 2;
    check_rows_product(level, product, layout);
    product.fetches_C = true;
    check_rows_product(level, product, layout);
    product.depth = 5; /* less than what is fetched at once is for */
    check_rows_product(level, product, layout);
    product.fetches_C = false;
    product.fetch_pairs = 0;
    check_rows_product(level, product, layout);
}

static void check_all_rows_products(const struct rows_kernel *level)
{
    static const struct rows_layout layouts[] = {
        {false, false, false}, {false, true, true}, {true, false, false}, {true, false, true}};
    fill_operands();
    for (size_t rows = 1; rows <= MOST_ROWS; rows++) {
        for (size_t columns = 1; columns <= 4 * level->strip_columns; columns++) {
            struct rows_product product = {.tiles = 1 + (rows + columns) % MOST_TILES,
                                           .rows = rows,
                                           .columns = columns,
                                           .depth = ROWS_DEPTH};
            for (size_t i = 0; i < COUNT(layouts); i++) {
                if (columns <= 2 * panel_width(level, layouts[i]))
                    check_fetching_and_adding(level, product, layouts[i]);
            }
        }
    }
}

TEST_LEVELS(rows_kernel, rows_kernel, check_all_rows_products)

int main(void)
{
    const struct CMUnitTest tests[] = {LEVEL_TESTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
