#include "ranking.h"

#include "lstm_mpi/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 5000 };

static uint64_t keys[MOST];
static uint64_t in_order[MOST];

static int compare_falling(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a > b ? -1 : a < b;
}

/* Any numbers, none twice. */
static uint64_t at_random(size_t i, size_t count)
{
    return random_bits(count, 1, i) / MOST * MOST + i;
}

static uint64_t rising(size_t i, size_t count)
{
    (void)count;
    return i;
}

static uint64_t falling(size_t i, size_t count)
{
    return count - i;
}

/* The middle one is the largest, then those beside it. */
static uint64_t rising_and_falling(size_t i, size_t count)
{
    return i < count / 2 ? 2 * i : 2 * (count - i) - 1;
}

static uint64_t (*const orders[])(size_t i, size_t count) = {at_random, rising, falling, rising_and_falling};
enum { ORDERS = sizeof orders / sizeof orders[0] };

static void begin(struct ranking *ranking, size_t order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        keys[i] = orders[order](i, count);
    memcpy(in_order, keys, count * sizeof *keys);
    qsort(in_order, count, sizeof *in_order, compare_falling);
    ranking_begin(ranking, keys, count);
}

static void numbers_come_in_falling_order(void **unused)
{
    (void)unused;
    static const size_t counts[] = {1, 2, 3, 47, 48, 49, 50, 97, 1000, MOST};
    struct ranking ranking;
    for (size_t order = 0; order < ORDERS; order++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            begin(&ranking, order, counts[i]);
            for (size_t place = 0; place < counts[i]; place++)
                assert_int_equal(ranking_at(&ranking, place), in_order[place]);
        }
    }
}

static void any_place_can_be_asked_for(void **unused)
{
    (void)unused;
    struct ranking ranking;
    for (size_t order = 0; order < ORDERS; order++) {
        begin(&ranking, order, MOST);
        for (uint64_t i = 0; i < 300; i++) {
            size_t place = random_below(order, 2, i, MOST);
            assert_int_equal(ranking_at(&ranking, place), in_order[place]);
        }
    }
}

/* As if bad pivots had left nothing but ends: the piece is then sorted as a whole. */
static void more_ends_than_fit_are_no_harm(void **unused)
{
    (void)unused;
    struct ranking ranking;
    begin(&ranking, 0, MOST);
    for (size_t end = 1; end < RANKING_MOST_ENDS; end++)
        ranking.ends[end] = MOST;
    ranking.end_count = RANKING_MOST_ENDS;
    for (size_t place = 0; place < MOST; place++)
        assert_int_equal(ranking_at(&ranking, place), in_order[place]);
}

static void few_are_sorted_where_few_are_asked_for(void **unused)
{
    (void)unused;
    struct ranking ranking;
    for (size_t order = 0; order < ORDERS; order++) {
        begin(&ranking, order, MOST);
        ranking_at(&ranking, 39);
        assert_true(ranking.sorted < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_in_falling_order),
        cmocka_unit_test(any_place_can_be_asked_for),
        cmocka_unit_test(more_ends_than_fit_are_no_harm),
        cmocka_unit_test(few_are_sorted_where_few_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
