/* Every function of softmax_loops.c, at every vector level that this CPU can run, against its plain form in
 * softmax_reference.c. Rows begin at odd places and end in a margin: nothing may need alignment or touch what
 * follows. */

#include "levels.h"
#include "reference.h"

#include <string.h>

static const size_t sizes[] = {0, 1, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100, 257};

enum { MOST = 257, MARGIN = 16, ROOM = 1 + MOST + MARGIN };

/* Exponentials are the same wherever in a row or a tile they are. */
static void check_places(const struct softmax_functions *level)
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
    (void)level->of_row(COLUMNS, logits, bias, &largest);
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
    level->exponentials(&tile);
    tile.logits = panel[1];
    tile.columns = COLUMNS;
    level->exponentials(&tile);
    for (size_t i = 2; i < COLUMNS; i++) {
        assert_true(logits[i] == logits[0] && fabsf(logits[0] - expf(-1.7F)) < 1e-7F);
        assert_true(panel[0][i] == logits[0] && panel[1][i] == logits[0]);
    }
}

static void check_exponentials(const struct softmax_functions *level, size_t count, float deviation)
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
    float total = level->of_row(count, logits + 1, bias + 1, &largest);
    float expected_total = softmax_reference.of_row(count, expected + 1, bias + 1, &expected_largest);
    assert_true(largest == expected_largest);
    assert_close(&total, &expected_total, 1, 1e-6);
    assert_close(logits + 1, expected + 1, count, 5e-7);
    assert_memory_equal(logits + 1 + count, expected + 1 + count, (ROOM - 1 - count) * sizeof *logits);
}

enum { TILE_ROWS = 32, MOST_COLUMNS = 64 };

static void run_tile(const struct softmax_functions *functions, const struct softmax_tile *tile,
                     struct softmax_row *rows)
{
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t lane = 0; lane < SOFTMAX_LANES; lane++)
            rows[r] = (struct softmax_row){.target_logit = 5};
    }
    functions->largest(tile);
    for (size_t r = 0; r < tile->rows; r++) {
        for (size_t lane = 1; lane < SOFTMAX_LANES; lane++)
            rows[r].largest[0] = fmaxf(rows[r].largest[0], rows[r].largest[lane]);
    }
    functions->exponentials(tile);
}

static void check_tile(const struct softmax_functions *level, size_t rows, size_t columns, size_t width,
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
        run_tile(i == 0 ? level : &softmax_reference, &tile, row[i]);
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

static void check_all_tiles(const struct softmax_functions *level)
{
    static const struct {
        size_t wide;
        size_t narrow;
    } panels[] = {{32, 12}, {24, 4}, {16, 6}, {8, 8}, {8, 6}, {8, 4}, {16, 3}, {16, 4}, {64, 32}, {24, 10}};
    for (size_t i = 0; i < COUNT(panels); i++) {
        for (size_t columns = 1; columns <= panels[i].wide; columns++) {
            for (size_t rows = 1; rows <= panels[i].narrow; rows++)
                check_tile(level, rows, columns, panels[i].wide, panels[i].narrow);
        }
    }
}

static void check_level(const struct softmax_functions *level)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        check_exponentials(level, sizes[i], 1);
        check_exponentials(level, sizes[i], 100);
    }
    check_places(level);
    check_all_tiles(level);
}

TEST_LEVELS(softmax_functions, softmax_functions, check_level)

int main(void)
{
    const struct CMUnitTest tests[] = {LEVEL_TESTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
