#include "zero_blocks.h"

#include "lstm_mpi/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 64 * 64 * 2 + 65 };

static uint64_t message[LONGEST + 8];

/* Runs of zeros of many lengths, at many places. */
static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count;) {
        size_t run = 1 + (size_t)random_below(seed, 1, i, 200);
        bool zero = random_below(seed, 2, i, 2) == 0;
        for (; run > 0 && i < count; run--, i++)
            values[i] = zero ? 0 : (float)random_normal(seed, 3, i);
    }
}

static void check_count(size_t count)
{
    static float values[LONGEST];
    static float sums[LONGEST + 1];
    static float expected[LONGEST + 1];
    fill(values, count, count);
    for (size_t i = 0; i <= count; i++) {
        sums[i] = (float)i;
        expected[i] = (float)i + (i < count ? values[i] : 0);
    }
    memset(message, 0xff, sizeof message);
    size_t bytes = zero_blocks_pack(message, values, count);
    assert_true(bytes <= zero_blocks_most_bytes(count));
    assert_true(zero_blocks_most_bytes(count) % 8 == 0 && zero_blocks_most_bytes(count) < sizeof message);
    memset((char *)message + bytes, 0xff, sizeof message - bytes);
    zero_blocks_add(sums, message, count);
    assert_memory_equal(sums, expected, (count + 1) * sizeof *sums);
}

static void test_sums_are_those_of_the_whole(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count++)
        check_count(count);
    check_count(4095);
    check_count(4096);
    check_count(4097);
    check_count(LONGEST);
}

static void test_zeros_are_not_sent(void **state)
{
    (void)state;
    static float values[640];
    assert_int_equal(zero_blocks_pack(message, values, 640), 8);
    values[255] = 1;
    assert_int_equal(zero_blocks_pack(message, values, 640), 8 + 64 * 4);
}

/* -0 is not the zero that may be left out, and what is not a number is sent. */
static void test_to_the_bit(void **state)
{
    (void)state;
    float values[2] = {-0.0F, NAN};
    float sums[2] = {-0.0F, 1};
    (void)zero_blocks_pack(message, values, 2);
    zero_blocks_add(sums, message, 2);
    assert_true(signbit(sums[0]) && isnan(sums[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_those_of_the_whole),
        cmocka_unit_test(test_zeros_are_not_sent),
        cmocka_unit_test(test_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
