/* Every function of panel_loops.c, at every vector level that this CPU can run, against its plain form in
 * panel_reference.c. Rows begin at odd places and end in a margin: nothing may need alignment or touch what
 * follows. */

#include "levels.h"
#include "reference.h"

#include <string.h>

static const size_t widths[] = {3, 4, 6, 8, 12, 16, 24, 32};
enum { MARGIN = 16, MOST_ROWS_OF_PANEL = 32, MOST_COLUMNS = 64 };

static void check_packing(const struct panel_functions *level, size_t width, size_t lanes, size_t depth)
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
    panel_reference.pack_transposed(width, lanes, depth, source + 1, STRIDE, expected);
    assert_memory_equal(panel, expected, sizeof panel);

    for (unsigned scaled = 0; scaled < 2; scaled++) {
        const float *factors = scaled ? source + 7 : NULL;
        memset(panel, 0x41, sizeof panel);
        memset(expected, 0x41, sizeof expected);
        level->pack_copied(width, lanes, depth, source + 1, MOST_WIDTH - 1, factors, panel);
        panel_reference.pack_copied(width, lanes, depth, source + 1, MOST_WIDTH - 1, factors, expected);
        assert_memory_equal(panel, expected, sizeof panel);
    }
}

static void check_all_packing(const struct panel_functions *level)
{
    static const size_t depths[] = {0, 1, 4, 7, 128, 131};
    for (size_t w = 0; w < COUNT(widths); w++) {
        for (size_t lanes = 1; lanes <= widths[w]; lanes++) {
            for (size_t d = 0; d < COUNT(depths); d++)
                check_packing(level, widths[w], lanes, depths[d]);
        }
    }
}

static void check_weighted_rows(const struct panel_functions *level, size_t rows, size_t columns,
                                size_t width)
{
    float panel[MOST_ROWS_OF_PANEL * MOST_COLUMNS];
    float factors[MOST_ROWS_OF_PANEL];
    float sum[2][MOST_COLUMNS + MARGIN];
    fill(panel, COUNT(panel), 12);
    fill(factors, COUNT(factors), 13);
    for (unsigned i = 0; i < 2; i++) {
        fill(sum[i], COUNT(sum[i]), 14);
        (i == 0 ? level : &panel_reference)->add_weighted_rows(rows, width, columns, panel, factors, sum[i]);
    }
    assert_close(sum[0], sum[1], columns, 1e-5);
    assert_memory_equal(sum[0] + columns, sum[1] + columns, sizeof sum[0] - columns * sizeof(float));
}

static void check_scaled_rows(const struct panel_functions *level, size_t rows, size_t width)
{
    float panel[2][MOST_ROWS_OF_PANEL * MOST_COLUMNS + MARGIN];
    float factors[MOST_ROWS_OF_PANEL];
    fill(factors, COUNT(factors), 15);
    for (unsigned i = 0; i < 2; i++) {
        fill(panel[i], COUNT(panel[i]), 16);
        (i == 0 ? level : &panel_reference)->scale_rows(rows, width, factors, panel[i]);
    }
    assert_memory_equal(panel[0], panel[1], sizeof panel[0]);
}

static void check_rows_of_panels(const struct panel_functions *level)
{
    static const size_t panels[] = {3, 4, 6, 8, 10, 12, 16, 24, 32, 64};
    for (size_t i = 0; i < COUNT(panels); i++) {
        for (size_t columns = 1; columns <= panels[i]; columns++)
            check_weighted_rows(level, 1 + columns % MOST_ROWS_OF_PANEL, columns, panels[i]);
        for (size_t rows = 1; rows <= MOST_ROWS_OF_PANEL; rows++)
            check_scaled_rows(level, rows, panels[i]);
    }
}

static void check_level(const struct panel_functions *level)
{
    check_all_packing(level);
    check_rows_of_panels(level);
}

TEST_LEVELS(panel_functions, panel_functions, check_level)

int main(void)
{
    const struct CMUnitTest tests[] = {LEVEL_TESTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
