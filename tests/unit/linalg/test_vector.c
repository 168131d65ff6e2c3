/* Every function of vector_loops.c, at every vector level that this CPU can run, against its plain form in
 * vector_reference.c. Rows begin at odd places and end in a margin: nothing may need alignment or touch what
 * follows. */

#include "lstm_mpi/linalg/vector.h"

#include "levels.h"
#include "reference.h"

#include <string.h>

static const size_t sizes[] = {0, 1, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100, 257};

enum { MOST = 257, MARGIN = 16, ROOM = 1 + MOST + MARGIN };

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

/* Too large for float, and too small: the sum is in double. */
static void check_range_of_squares(const struct vector_functions *level)
{
    const float large[] = {1e30F, -1e30F, 3e38F};
    const float small[] = {1e-30F, 1e-30F, -1e-30F};
    assert_true(fabs(level->sum_of_squares(3, large) / 9.0002e76 - 1) < 1e-3);
    assert_true(fabs(level->sum_of_squares(3, small) / 3e-60 - 1) < 1e-6);
    assert_true(isnan(level->sum_of_squares(3, (const float[]){1, NAN, 2})));
}

static void check_level(const struct vector_functions *level)
{
    for (size_t i = 0; i < COUNT(sizes); i++)
        check_rows(level, sizes[i]);
    check_range_of_squares(level);
}

TEST_LEVELS(vector_functions, vector_functions, check_level)

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
        LEVEL_TESTS,
        cmocka_unit_test(a_transpose_exchanges_rows_and_columns),
        cmocka_unit_test(public_functions_use_the_level_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
