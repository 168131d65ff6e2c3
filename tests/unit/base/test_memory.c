#include "lstm_mpi/base/memory.h"

#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error error;

static void new_memory_is_zero_and_aligned(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 15, 16, 17, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        float *values;
        assert_int_equal(memory_new(&values, counts[i], &error), STATUS_OK);
        assert_int_equal((uintptr_t)values % MEMORY_ALIGNMENT, 0);
        for (size_t j = 0; j < counts[i]; j++)
            assert_true(values[j] == 0);
        values[0] = values[counts[i] - 1] = 1;
        memory_free(values);
    }
}

static void no_elements_can_be_freed(void **state)
{
    (void)state;
    double *values = NULL;
    assert_int_equal(memory_new(&values, 0, &error), STATUS_OK);
    assert_non_null(values);
    memory_free(values);
    memory_free(NULL);
}

static void sizes_beyond_memory_are_errors(void **state)
{
    (void)state;
    static const size_t counts[] = {SIZE_MAX, SIZE_MAX / sizeof(double), SIZE_MAX / sizeof(double) + 1,
                                    (size_t)PTRDIFF_MAX / sizeof(double)};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        double here;
        double *values = &here;
        assert_int_equal(memory_new(&values, counts[i], &error), STATUS_FAILED);
        assert_null(values);
        assert_string_equal(error.what, "out of memory");
        assert_non_null(strstr(error.why, " GiB were needed"));
    }
}

static void errors_tell_the_size_as_people_do(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        const char *why;
    } cases[] = {
        {1, "8 bytes were needed"}, {1 << 18, "2.0 MiB were needed"}, {3 << 26, "1.5 GiB were needed"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double *values;
        failing_allocator_after(0);
        assert_int_equal(memory_new(&values, cases[i].count, &error), STATUS_FAILED);
        failing_allocator_after(-1);
        assert_string_equal(error.why, cases[i].why);
    }
}

static void arrays_grow_and_keep_what_they_hold(void **state)
{
    (void)state;
    uint32_t *ids = NULL;
    size_t capacity = 0;
    size_t moves = 0;
    for (uint32_t count = 0; count < 10000; count++) {
        size_t before = capacity;
        assert_int_equal(memory_grow(&ids, &capacity, count + 1, &error), STATUS_OK);
        assert_true(capacity > count);
        moves += capacity != before;
        ids[count] = count;
    }
    assert_true(moves < 20);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(ids[i], i);
    memory_free(ids);
}

static void room_that_is_there_is_not_made(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    assert_int_equal(memory_grow(&numbers, &capacity, 10, &error), STATUS_OK);
    assert_int_equal(capacity, 10);
    int *before = numbers;
    failing_allocator_after(0);
    assert_int_equal(memory_grow(&numbers, &capacity, 10, &error), STATUS_OK);
    assert_int_equal(memory_grow(&numbers, &capacity, 0, &error), STATUS_OK);
    assert_false(failing_allocator_has_failed());
    failing_allocator_after(-1);
    assert_ptr_equal(numbers, before);
    memory_free(numbers);
}

static void an_array_that_cannot_grow_is_as_it_was(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    assert_int_equal(memory_grow(&numbers, &capacity, 3, &error), STATUS_OK);
    memcpy(numbers, (int[]){7, 8, 9}, 3 * sizeof(int));
    int *before = numbers;
    failing_allocator_after(0);
    assert_int_equal(memory_grow(&numbers, &capacity, 4, &error), STATUS_FAILED);
    assert_int_equal(memory_grow(&numbers, &capacity, SIZE_MAX, &error), STATUS_FAILED);
    assert_ptr_equal(numbers, before);
    assert_int_equal(capacity, 3);
    assert_int_equal(numbers[2], 9);
    memory_free(numbers);
}

static void pages_are_whole_and_huge_where_they_are_mostly_filled(void **state)
{
    (void)state;
    static const size_t huge = MEMORY_HUGE_PAGE_BYTES;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(memory_page_bytes(0), page);
    assert_int_equal(memory_page_bytes(1), page);
    assert_int_equal(memory_page_bytes(page), page);
    assert_int_equal(memory_page_bytes(page + 1), 2 * page);
    assert_int_equal(memory_page_bytes(huge / 2), huge / 2);
    assert_int_equal(memory_page_bytes(huge / 2 + 1), huge);
    assert_int_equal(memory_page_bytes(huge), huge);
    assert_int_equal(memory_page_bytes(5 * huge + 1), 6 * huge);
    assert_int_equal(memory_page_bytes(SIZE_MAX - huge + 1), SIZE_MAX - huge + 1);
    assert_int_equal(memory_page_bytes(SIZE_MAX), SIZE_MAX);
}

static void texts_are_copied(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "我有一剑",
                                        "a text that is longer than one cache line, which is 64 bytes"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *copy;
        assert_int_equal(memory_copy_text(&copy, texts[i], &error), STATUS_OK);
        assert_ptr_not_equal(copy, texts[i]);
        assert_string_equal(copy, texts[i]);
        memory_free(copy);
    }
}

/* Three allocations; each in turn fails. */
static enum status make_three(char **text, int **numbers, size_t *capacity)
{
    enum status status;
    TRY(memory_copy_text(text, "text", &error));
    TRY(memory_grow(numbers, capacity, 1, &error));
    TRY(memory_grow(numbers, capacity, 2, &error));
done:
    return status;
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    enum status status = STATUS_FAILED;
    long succeeded = 0;
    for (; status != STATUS_OK; succeeded++) {
        char *text = NULL;
        int *numbers = NULL;
        size_t capacity = 0;
        failing_allocator_after(succeeded);
        status = make_three(&text, &numbers, &capacity);
        assert_int_equal(failing_allocator_has_failed(), status != STATUS_OK);
        memory_free(numbers);
        memory_free(text);
    }
    assert_int_equal(succeeded, 4);
    failing_allocator_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero_and_aligned),
        cmocka_unit_test(no_elements_can_be_freed),
        cmocka_unit_test(sizes_beyond_memory_are_errors),
        cmocka_unit_test(errors_tell_the_size_as_people_do),
        cmocka_unit_test(arrays_grow_and_keep_what_they_hold),
        cmocka_unit_test(room_that_is_there_is_not_made),
        cmocka_unit_test(an_array_that_cannot_grow_is_as_it_was),
        cmocka_unit_test(pages_are_whole_and_huge_where_they_are_mostly_filled),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
