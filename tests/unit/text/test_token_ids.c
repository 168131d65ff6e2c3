#include "lstm_mpi/text/token_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const size_t vocabulary_sizes[] = {1, 66, 65535, 65536, 65537, 100000};

static void an_id_takes_as_few_bytes_as_it_needs(void **state)
{
    (void)state;
    assert_int_equal(token_ids_bytes(1), 2);
    assert_int_equal(token_ids_bytes(65536), 2);
    assert_int_equal(token_ids_bytes(65537), 4);
    assert_int_equal(token_ids_bytes(SIZE_MAX), 4);
}

static void what_is_read_is_what_was_written(void **state)
{
    (void)state;
    enum { COUNT = 7 };
    for (size_t i = 0; i < sizeof vocabulary_sizes / sizeof vocabulary_sizes[0]; i++) {
        struct error error;
        struct token_ids ids;
        uint32_t last = (uint32_t)vocabulary_sizes[i] - 1;
        assert_int_equal(token_ids_create(&ids, COUNT, vocabulary_sizes[i], &error), STATUS_OK);
        for (uint32_t k = 0; k < COUNT; k++)
            token_ids_write(ids, k, last > k ? last - k : 0);
        uint32_t read[COUNT + 1];
        read[3] = 77;
        token_ids_read(token_ids_from(ids, 2), 3, read);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(read[k], last > k + 2 ? last - k - 2 : 0);
        assert_int_equal(read[3], 77);
        token_ids_free(&ids);
        assert_null(ids.two_bytes);
        assert_null(ids.four_bytes);
    }
}

static void none_are_nowhere(void **state)
{
    (void)state;
    struct token_ids none = token_ids_from((struct token_ids){0}, 5);
    assert_null(none.two_bytes);
    assert_null(none.four_bytes);
}

static void too_many_for_memory_are_an_error(void **state)
{
    (void)state;
    struct error error;
    struct token_ids ids;
    assert_int_equal(token_ids_create(&ids, SIZE_MAX / 2, 66, &error), STATUS_FAILED);
    assert_string_equal(error.what, "out of memory");
    assert_null(ids.two_bytes);
    assert_null(ids.four_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_takes_as_few_bytes_as_it_needs),
        cmocka_unit_test(what_is_read_is_what_was_written),
        cmocka_unit_test(none_are_nowhere),
        cmocka_unit_test(too_many_for_memory_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
