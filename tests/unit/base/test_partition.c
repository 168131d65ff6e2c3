#include "lstm_mpi/base/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void parts_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    for (size_t items = 0; items <= 40; items++) {
        for (size_t parts = 1; parts <= 12; parts++) {
            size_t next = 0;
            for (size_t part = 0; part < parts; part++) {
                struct range range = partition_range(items, parts, part);
                assert_int_equal(range.first, next);
                assert_int_equal(range.count, items / parts + (part < items % parts));
                next += range.count;
            }
            assert_int_equal(next, items);
        }
    }
}

static void the_remainder_goes_to_the_lower_parts(void **state)
{
    (void)state;
    static const struct range expected[] = {{0, 11}, {11, 11}, {22, 10}};
    for (size_t part = 0; part < 3; part++) {
        struct range range = partition_range(32, 3, part);
        assert_int_equal(range.first, expected[part].first);
        assert_int_equal(range.count, expected[part].count);
    }
}

static void very_many_items(void **state)
{
    (void)state;
    struct range last = partition_range(SIZE_MAX, 1024, 1023);
    assert_int_equal(last.count, SIZE_MAX / 1024);
    assert_int_equal(last.first + last.count, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_follow_each_other_without_a_gap),
        cmocka_unit_test(the_remainder_goes_to_the_lower_parts),
        cmocka_unit_test(very_many_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
