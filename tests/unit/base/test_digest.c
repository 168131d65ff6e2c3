#include "lstm_mpi/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The buffer of xxHash's own self-test: the upper bytes of powers of a prime. */
static void fill(unsigned char *buffer, size_t bytes)
{
    uint64_t generator = UINT64_C(2654435761);
    for (size_t i = 0; i < bytes; i++) {
        buffer[i] = (unsigned char)(generator >> 56);
        generator *= UINT64_C(11400714785074694797);
    }
}

/* XXH3-64 with seed 0, from xxHash's self-test: one length for each of its ways. */
static void known_values(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t digest;
    } known[] = {
        {0, UINT64_C(0x2d06800538d394c2)},    {1, UINT64_C(0xc44bdff4074eecdb)},
        {6, UINT64_C(0x27b56a84cd2d7325)},    {12, UINT64_C(0xa713daf0dfbb77e7)},
        {24, UINT64_C(0xa3fe70bf9d3510eb)},   {403, UINT64_C(0xcdeb804d65c6dea4)},
        {2048, UINT64_C(0xdd59e2c3a5f038e0)},
    };
    unsigned char buffer[2048];
    fill(buffer, sizeof buffer);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(digest_of(buffer, known[i].bytes), known[i].digest);
    assert_int_equal(digest_of("abc", 3), UINT64_C(0x78af5f94892f3950));
    assert_int_equal(digest_of(NULL, 0), known[0].digest);
}

static void every_bit_counts(void **state)
{
    (void)state;
    unsigned char data[1000] = {0};
    static const size_t lengths[] = {1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint64_t whole = digest_of(data, lengths[i]);
        for (size_t bit = 0; bit < 8 * lengths[i]; bit++) {
            data[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_true(digest_of(data, lengths[i]) != whole);
            data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        }
        assert_int_equal(digest_of(data, lengths[i]), whole);
    }
}

static void the_address_does_not_count(void **state)
{
    (void)state;
    char data[300];
    memset(data, 'x', sizeof data);
    uint64_t first = digest_of(data, 256);
    for (size_t shift = 1; shift < 40; shift++)
        assert_int_equal(digest_of(data + shift, 256), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(the_address_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
