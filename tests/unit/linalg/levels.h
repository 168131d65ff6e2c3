/* For tests of the loops of every vector level against their plain form. */

#ifndef LSTM_MPI_TESTS_LEVELS_H
#define LSTM_MPI_TESTS_LEVELS_H

#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/vector_level.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static inline void fill(float *numbers, size_t count, uint64_t stream)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)random_normal(7, stream, i);
}

static inline void assert_close(const float *numbers, const float *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)numbers[i] - (double)expected[i]);
        if (!(difference <= tolerance * fmax(1, fabs((double)expected[i]))))
            fail_msg("element %zu of %zu is %.9g, not %.9g", i, count, (double)numbers[i],
                     (double)expected[i]);
    }
}

/* Tests of check(table) for the tables of a type, at each level that this CPU can run: CTest runs the program
 * without LSTM_MPI_VECTOR_LEVEL, so that the level in use is the highest. */
#define TEST_LEVELS(type, tables, check)                                    \
    static const struct type *const levels[] = VECTOR_LEVELS_ARRAY(tables); \
    static void test_level(enum vector_level level)                         \
    {                                                                       \
        if (level >= COUNT(levels) || level > vector_level_in_use())        \
            skip();                                                         \
        check(levels[level]);                                               \
    }                                                                       \
    static void baseline_computes_what_the_reference_does(void **state)     \
    {                                                                       \
        (void)state;                                                        \
        test_level(VECTOR_BASELINE);                                        \
    }                                                                       \
    static void avx2_computes_what_the_reference_does(void **state)         \
    {                                                                       \
        (void)state;                                                        \
        test_level(VECTOR_AVX2);                                            \
    }                                                                       \
    static void avx512_computes_what_the_reference_does(void **state)       \
    {                                                                       \
        (void)state;                                                        \
        test_level(VECTOR_AVX512);                                          \
    }
#define LEVEL_TESTS                                              \
    cmocka_unit_test(baseline_computes_what_the_reference_does), \
        cmocka_unit_test(avx2_computes_what_the_reference_does), \
        cmocka_unit_test(avx512_computes_what_the_reference_does)

#endif
