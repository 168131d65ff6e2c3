#include "lstm_mpi/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 200000 };

/* Random123's known answers for philox4x32-10 (its kat_vectors), counter and key in words from the lowest on;
 * of the answer's four words random_bits gives the first two. */
static void known_answers(void **state)
{
    (void)state;
    assert_int_equal(random_bits(0, 0, 0), UINT64_C(0xe169c58d6627e8d5));
    assert_int_equal(random_bits(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_C(0x41c83b0e408f276d));
    assert_int_equal(
        random_bits(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88)),
        UINT64_C(0x94fdccebd16cfe09));
    uint32_t words[RANDOM_WORDS];
    random_words(words, 0, 0, 0);
    assert_int_equal(words[0], 0x6627e8d5);
    assert_int_equal(words[1], 0xe169c58d);
    assert_int_equal(words[2], 0xbc57ac4c);
    assert_int_equal(words[3], 0x9b00dbd8);
}

/* From the same vectors: radius and angle of the transform are the two pairs of words. */
static void known_normal(void **state)
{
    (void)state;
    double u = ldexp((double)(UINT64_C(0xe169c58d6627e8d5) >> 11), -53);
    double v = ldexp((double)(UINT64_C(0x9b00dbd8bc57ac4c) >> 11), -53);
    double expected = sqrt(-2 * log(1 - u)) * cos(2 * acos(-1) * v);
    assert_true(fabs(random_normal(0, 0, 0) - expected) < 1e-14);
}

static void streams_keep_purposes_apart(void **state)
{
    (void)state;
    assert_int_equal(random_stream(RANDOM_INITIALIZE, 7), UINT64_C(0x100000007));
    assert_int_equal(random_stream(RANDOM_SAMPLE, UINT64_C(0x500000001)), UINT64_C(0x400000001));
    assert_true(random_bits(1, random_stream(RANDOM_SHUFFLE, 0), 0) !=
                random_bits(1, random_stream(RANDOM_START_OFFSET, 0), 0));
}

static void uniform_moments(void **state)
{
    (void)state;
    double sum = 0;
    double squares = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        double u = random_uniform(1, 2, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    /* Five standard errors of each mean. */
    assert_true(fabs(sum / MANY - 1.0 / 2) < 5 * sqrt(1.0 / 12 / MANY));
    assert_true(fabs(squares / MANY - 1.0 / 3) < 5 * sqrt(4.0 / 45 / MANY));
}

static void normal_moments(void **state)
{
    (void)state;
    double moments[5] = {0};
    uint64_t beyond_two = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        double x = random_normal(1, 3, i);
        assert_true(isfinite(x));
        for (int power = 1; power <= 4; power++)
            moments[power] += pow(x, power) / MANY;
        beyond_two += fabs(x) > 2;
    }
    /* Five standard errors: the variances of x, x², x³, x⁴ are 1, 2, 15, 96. */
    assert_true(fabs(moments[1]) < 5 * sqrt(1.0 / MANY));
    assert_true(fabs(moments[2] - 1) < 5 * sqrt(2.0 / MANY));
    assert_true(fabs(moments[3]) < 5 * sqrt(15.0 / MANY));
    assert_true(fabs(moments[4] - 3) < 5 * sqrt(96.0 / MANY));
    double share = erfc(sqrt(2));
    assert_true(fabs((double)beyond_two / MANY - share) < 5 * sqrt(share * (1 - share) / MANY));
}

static void below_reaches_all_and_nothing_else(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    uint64_t counts[BOUND] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t number = random_below(1, 4, i, BOUND);
        assert_true(number < BOUND);
        counts[number]++;
    }
    for (int i = 0; i < BOUND; i++)
        assert_true(fabs((double)counts[i] - 10000) < 5 * sqrt(10000));
    assert_int_equal(random_below(1, 4, 0, 1), 0);
    /* The upper end of the bits stays below the largest bound. */
    assert_int_equal(random_below(0, 0, 0, UINT64_MAX), UINT64_C(0xe169c58d6627e8d4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),   cmocka_unit_test(known_normal),
        cmocka_unit_test(uniform_moments), cmocka_unit_test(streams_keep_purposes_apart),
        cmocka_unit_test(normal_moments),  cmocka_unit_test(below_reaches_all_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
