/* Every function of every vector level that this CPU can run, against its plain form in vector_reference.c.
 * Rows begin at odd places and end in a margin: nothing may need alignment or touch what follows. */

#include "lstm_mpi/linalg/vector.h"

#include "lstm_mpi/base/random.h"
#include "lstm_mpi/base/smaller.h"
#include "vector_functions.h"
#include "vector_reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const size_t sizes[] = {0, 1, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100, 257};
static const size_t widths[] = {3, 4, 6, 8, 12, 16, 24, 32};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { MOST = 257, MARGIN = 16, ROOM = 1 + MOST + MARGIN };

static void fill(float *numbers, size_t count, uint64_t stream)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)random_normal(7, stream, i);
}

static void assert_close(const float *numbers, const float *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)numbers[i] - (double)expected[i]);
        if (!(difference <= tolerance * fmax(1, fabs((double)expected[i]))))
            fail_msg("element %zu of %zu is %.9g, not %.9g", i, count, (double)numbers[i],
                     (double)expected[i]);
    }
}

static void check_rows(const struct vector_functions *level, size_t count)
{
    float x[ROOM];
    float y[ROOM];
    float expected[ROOM];
    float out[ROOM];
    fill(x, ROOM, 1);
    fill(y, ROOM, 2);

    memcpy(out, y, sizeof out);
    memcpy(expected, y, sizeof expected);
    level->add(count, x + 1, out + 1);
    vector_reference.add(count, x + 1, expected + 1);
    assert_memory_equal(out, expected, sizeof out);

    level->sum(count, x + 1, y + 1, out + 1);
    vector_reference.sum(count, x + 1, y + 1, expected + 1);
    assert_memory_equal(out, expected, sizeof out);

    level->axpy(count, 1.75F, x + 1, out + 1);
    vector_reference.axpy(count, 1.75F, x + 1, expected + 1);
    assert_close(out + 1, expected + 1, count, 3e-7);
    assert_memory_equal(out + 1 + count, expected + 1 + count, (ROOM - 1 - count) * sizeof *out);

    memcpy(out, y, sizeof out);
    memcpy(expected, y, sizeof expected);
    level->axpby(count, 1.75F, x + 1, -0.3F, out + 1);
    vector_reference.axpby(count, 1.75F, x + 1, -0.3F, expected + 1);
    assert_close(out + 1, expected + 1, count, 3e-7);
    assert_memory_equal(out + 1 + count, expected + 1 + count, (ROOM - 1 - count) * sizeof *out);

    memcpy(out, y, sizeof out);
    memcpy(expected, y, sizeof expected);
    level->multiply(count, x + 1, out + 1);
    vector_reference.multiply(count, x + 1, expected + 1);
    assert_memory_equal(out, expected, sizeof out);

    assert_true(level->largest(count, x + 1) == vector_reference.largest(count, x + 1));

    static const double rounder = 0x1.8p30; /* its last place is 2^-22: every number is rounded */
    double sums[ROOM] = {0};
    double expected_sums[ROOM] = {0};
    for (size_t i = 0; i < 3; i++) {
        level->add_rounded(count, x + i, rounder, sums + 1);
        vector_reference.add_rounded(count, x + i, rounder, expected_sums + 1);
    }
    assert_memory_equal(sums, expected_sums, sizeof sums);

    double squares = vector_reference.sum_of_squares(count, x + 1);
    assert_true(fabs(level->sum_of_squares(count, x + 1) - squares) <= 1e-13 * squares);
}

/* Exponentials are the same wherever in a row or a tile they are. */
static void check_places(const struct vector_functions *level)
{
    enum { COLUMNS = 23, WIDTH = 32 };
    float logits[COLUMNS];
    float panel[2][WIDTH];
    float narrow[2 * WIDTH];
    float bias[WIDTH] = {0};
    float largest;
    struct softmax_row row[2] = {0};
    for (size_t i = 0; i < COLUMNS; i++)
        logits[i] = i == 1 ? 0 : -1.7F;
    (void)level->softmax_of_row(COLUMNS, logits, bias, &largest);
    for (size_t i = 0; i < WIDTH; i++)
        panel[0][i] = panel[1][i] = -1.7F;
    struct softmax_tile tile = {.logits = panel[0],
                                .width = WIDTH,
                                .rows = 1,
                                .columns = WIDTH,
                                .bias = bias,
                                .row = row,
                                .narrow = narrow,
                                .narrow_width = 1};
    level->softmax_exponentials(&tile);
    tile.logits = panel[1];
    tile.columns = COLUMNS;
    level->softmax_exponentials(&tile);
    for (size_t i = 2; i < COLUMNS; i++) {
        assert_true(logits[i] == logits[0] && fabsf(logits[0] - expf(-1.7F)) < 1e-7F);
        assert_true(panel[0][i] == logits[0] && panel[1][i] == logits[0]);
    }
}

/* Too large for float, and too small: the sum is in double. */
static void check_range_of_squares(const struct vector_functions *level)
{
    const float large[] = {1e30F, -1e30F, 3e38F};
    const float small[] = {1e-30F, 1e-30F, -1e-30F};
    assert_true(fabs(level->sum_of_squares(3, large) / 9.0002e76 - 1) < 1e-3);
    assert_true(fabs(level->sum_of_squares(3, small) / 3e-60 - 1) < 1e-6);
    assert_true(isnan(level->sum_of_squares(3, (const float[]){1, NAN, 2})));
}

static void check_packing(const struct vector_functions *level, size_t width, size_t lanes, size_t depth)
{
    enum { MOST_WIDTH = 32, MOST_DEPTH = 140, STRIDE = MOST_DEPTH + 3 };
    static float source[1 + MOST_WIDTH * STRIDE + MARGIN];
    static float panel[MOST_WIDTH * MOST_DEPTH + MARGIN];
    static float expected[MOST_WIDTH * MOST_DEPTH + MARGIN];
    fill(source, COUNT(source), 3);
    assert_true(width <= MOST_WIDTH && depth <= MOST_DEPTH);

    memset(panel, 0x41, sizeof panel);
    memset(expected, 0x41, sizeof expected);
    level->pack_transposed(width, lanes, depth, source + 1, STRIDE, panel);
    vector_reference.pack_transposed(width, lanes, depth, source + 1, STRIDE, expected);
    assert_memory_equal(panel, expected, sizeof panel);

    for (unsigned scaled = 0; scaled < 2; scaled++) {
        const float *factors = scaled ? source + 7 : NULL;
        memset(panel, 0x41, sizeof panel);
        memset(expected, 0x41, sizeof expected);
        level->pack_copied(width, lanes, depth, source + 1, MOST_WIDTH - 1, factors, panel);
        vector_reference.pack_copied(width, lanes, depth, source + 1, MOST_WIDTH - 1, factors, expected);
        assert_memory_equal(panel, expected, sizeof panel);
    }
}

static void check_all_packing(const struct vector_functions *level)
{
    static const size_t depths[] = {0, 1, 4, 7, 128, 131};
    for (size_t w = 0; w < COUNT(widths); w++) {
        for (size_t lanes = 1; lanes <= widths[w]; lanes++) {
            for (size_t d = 0; d < COUNT(depths); d++)
                check_packing(level, widths[w], lanes, depths[d]);
        }
    }
}

/* More than two times the fetch_depths of any level, and some. */
enum { ROWS_DEPTH = 71, ROWS_GAP = 3, ROWS_LEAST_STRIDE = 13, MOST_TILES = 5 };

/* How the operands of a product lie in memory: A row by row or depth by depth, as many rows apart as it is
 * packed or more; B in two wide panels, as wide as a strip or wider, with a gap between them. */
struct rows_layout {
    bool A_by_rows;
    bool A_has_gaps;
    bool B_has_wide_panels;
};

static size_t panel_width(const struct vector_functions *level, struct rows_layout layout)
{
    return layout.B_has_wide_panels ? 2 * level->strip_columns : level->strip_columns;
}

static void lay_out(struct rows_product *product, const struct vector_functions *level,
                    struct rows_layout layout)
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

static void check_rows_product(const struct vector_functions *level, struct rows_product product,
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
    level->multiply_rows(&product);
    product.C = expected + 1;
    vector_reference.multiply_rows(&product);
    assert_memory_equal(C, expected, floats * sizeof *C);
}

static void check_fetching_and_adding(const struct vector_functions *level, struct rows_product product,
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

static void check_all_rows_products(const struct vector_functions *level)
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

static void check_exponentials(const struct vector_functions *level, size_t count, float deviation)
{
    float logits[ROOM];
    float bias[ROOM];
    float expected[ROOM];
    fill(logits, ROOM, 8);
    fill(bias, ROOM, 9);
    for (size_t i = 0; i < ROOM; i++)
        expected[i] = logits[i] *= deviation;
    float largest;
    float expected_largest;
    float total = level->softmax_of_row(count, logits + 1, bias + 1, &largest);
    float expected_total = vector_reference.softmax_of_row(count, expected + 1, bias + 1, &expected_largest);
    assert_true(largest == expected_largest);
    assert_close(&total, &expected_total, 1, 1e-6);
    assert_close(logits + 1, expected + 1, count, 5e-7);
    assert_memory_equal(logits + 1 + count, expected + 1 + count, (ROOM - 1 - count) * sizeof *logits);
}

enum { TILE_ROWS = 32, MOST_COLUMNS = 64 };

static void run_tile(const struct vector_functions *functions, const struct softmax_tile *tile,
                     struct softmax_row *rows)
{
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t lane = 0; lane < SOFTMAX_LANES; lane++)
            rows[r] = (struct softmax_row){.target_logit = 5};
    }
    functions->softmax_largest(tile);
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t lane = 1; lane < SOFTMAX_LANES; lane++)
            rows[r].largest[0] = fmaxf(rows[r].largest[0], rows[r].largest[lane]);
    }
    functions->softmax_exponentials(tile);
}

static void check_tile(const struct vector_functions *level, size_t rows, size_t columns, size_t width,
                       size_t narrow_width)
{
    static float logits[2][TILE_ROWS * MOST_COLUMNS + MARGIN];
    static float narrow[2][TILE_ROWS * MOST_COLUMNS + MARGIN];
    static struct softmax_row row[2][TILE_ROWS];
    float bias[MOST_COLUMNS];
    fill(bias, COUNT(bias), 11);
    memset(narrow, 0x41, sizeof narrow);
    for (unsigned i = 0; i < 2; i++) {
        fill(logits[i], COUNT(logits[i]), 10);
        struct softmax_tile tile = {.logits = logits[i],
                                    .width = width,
                                    .rows = rows,
                                    .columns = columns,
                                    .bias = bias,
                                    .row = row[i],
                                    .narrow = narrow[i],
                                    .narrow_width = narrow_width};
        run_tile(i == 0 ? level : &vector_reference, &tile, row[i]);
    }
    assert_close(logits[0], logits[1], COUNT(logits[0]), 5e-7);
    assert_close(narrow[0], narrow[1], columns * narrow_width, 5e-7);
    assert_memory_equal(narrow[0] + columns * narrow_width, narrow[1] + columns * narrow_width,
                        sizeof narrow[0] - columns * narrow_width * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        assert_memory_equal(row[0][r].largest, row[1][r].largest, sizeof row[0][r].largest);
        assert_close(row[0][r].total, row[1][r].total, SOFTMAX_LANES, 1e-6);
        assert_true(row[0][r].target_logit == 5);
    }
}

static void check_weighted_rows(const struct vector_functions *level, size_t rows, size_t columns,
                                size_t width)
{
    float panel[TILE_ROWS * MOST_COLUMNS];
    float factors[TILE_ROWS];
    float sum[2][MOST_COLUMNS + MARGIN];
    fill(panel, COUNT(panel), 12);
    fill(factors, COUNT(factors), 13);
    for (unsigned i = 0; i < 2; i++) {
        fill(sum[i], COUNT(sum[i]), 14);
        (i == 0 ? level : &vector_reference)->add_weighted_rows(rows, width, columns, panel, factors, sum[i]);
    }
    assert_close(sum[0], sum[1], columns, 1e-5);
    assert_memory_equal(sum[0] + columns, sum[1] + columns, sizeof sum[0] - columns * sizeof(float));
}

static void check_scaled_rows(const struct vector_functions *level, size_t rows, size_t width)
{
    float panel[2][TILE_ROWS * MOST_COLUMNS + MARGIN];
    float factors[TILE_ROWS];
    fill(factors, COUNT(factors), 15);
    for (unsigned i = 0; i < 2; i++) {
        fill(panel[i], COUNT(panel[i]), 16);
        (i == 0 ? level : &vector_reference)->scale_rows(rows, width, factors, panel[i]);
    }
    assert_memory_equal(panel[0], panel[1], sizeof panel[0]);
}

static void check_all_tiles(const struct vector_functions *level)
{
    static const struct {
        size_t wide;
        size_t narrow;
    } panels[] = {{32, 12}, {16, 6}, {8, 8}, {8, 4}, {16, 3}, {16, 4}, {64, 32}, {24, 10}};
    for (size_t i = 0; i < COUNT(panels); i++) {
        for (size_t columns = 1; columns <= panels[i].wide; columns++) {
            for (size_t rows = 1; rows <= panels[i].narrow; rows++)
                check_tile(level, rows, columns, panels[i].wide, panels[i].narrow);
            check_weighted_rows(level, 1 + columns % TILE_ROWS, columns, panels[i].wide);
        }
        for (size_t rows = 1; rows <= TILE_ROWS; rows++) {
            check_scaled_rows(level, rows, panels[i].wide);
            check_scaled_rows(level, rows, panels[i].narrow);
        }
    }
}

static void check_level(const struct vector_functions *level)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        check_rows(level, sizes[i]);
        check_exponentials(level, sizes[i], 1);
        check_exponentials(level, sizes[i], 100);
    }
    check_range_of_squares(level);
    check_places(level);
    check_all_packing(level);
    check_all_rows_products(level);
    check_all_tiles(level);
}

static const struct vector_functions *const levels[] = VECTOR_LEVELS_ARRAY(vector_functions);

/* CTest runs the program without LSTM_MPI_VECTOR_LEVEL: the level in use is the highest of this CPU. */
static void test_level(enum vector_level level)
{
    if (level >= COUNT(levels) || level > vector_level_in_use())
        skip();
    check_level(levels[level]);
}

static void baseline_computes_what_the_reference_does(void **state)
{
    (void)state;
    test_level(VECTOR_BASELINE);
}

static void avx2_computes_what_the_reference_does(void **state)
{
    (void)state;
    test_level(VECTOR_AVX2);
}

static void avx512_computes_what_the_reference_does(void **state)
{
    (void)state;
    test_level(VECTOR_AVX512);
}

static void public_functions_use_the_level_in_use(void **state)
{
    (void)state;
    assert_ptr_equal(vector_functions_in_use(), levels[vector_level_in_use()]);
    const float x[] = {1, 2, 3};
    float y[] = {10, 20, 30};
    float out[3];
    vector_sum(3, x, y, out);
    assert_memory_equal(out, ((float[]){11, 22, 33}), sizeof out);
    vector_add(3, x, y);
    assert_memory_equal(y, ((float[]){11, 22, 33}), sizeof y);
    vector_axpy(3, -2, x, y);
    assert_memory_equal(y, ((float[]){9, 18, 27}), sizeof y);
    assert_true(vector_sum_of_squares(3, x) == 14);
    vector_add(3, y, y);
    assert_memory_equal(y, ((float[]){18, 36, 54}), sizeof y);
    vector_multiply(3, x, y);
    assert_memory_equal(y, ((float[]){18, 72, 162}), sizeof y);
}

static void a_transpose_exchanges_rows_and_columns(void **unused)
{
    (void)unused;
    for (size_t rows = 1; rows < 20; rows += 3) {
        for (size_t columns = 1; columns < 300; columns += 37) {
            float in[20 * 300];
            float out[20 * 300 + 1];
            fill(in, rows * columns, 3);
            out[rows * columns] = 77;
            vector_transpose(rows, columns, in, out);
            for (size_t i = 0; i < rows * columns; i++)
                assert_true(out[i % columns * rows + i / columns] == in[i]);
            assert_true(out[rows * columns] == 77);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baseline_computes_what_the_reference_does),
        cmocka_unit_test(avx2_computes_what_the_reference_does),
        cmocka_unit_test(avx512_computes_what_the_reference_does),
        cmocka_unit_test(a_transpose_exchanges_rows_and_columns),
        cmocka_unit_test(public_functions_use_the_level_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
