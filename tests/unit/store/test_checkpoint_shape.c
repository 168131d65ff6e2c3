#include "lstm_mpi/store/checkpoint_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct checkpoint_shape shape_of(struct tensor *tensors, size_t count)
{
    struct checkpoint checkpoint = {.tensors = tensors, .tensor_count = count};
    return checkpoint_shape_of(&checkpoint);
}

static void a_plain_network(void **unused)
{
    (void)unused;
    struct tensor tensors[] = {
        {.path = "/model/layer0/W_h", .dims = {5, 20}, .dim_count = 2},
        {.path = "/model/layer0/W_x", .dims = {9, 20}, .dim_count = 2},
        {.path = "/model/layer0/b", .dims = {20}, .dim_count = 1},
        {.path = "/model/output/W", .dims = {5, 9}, .dim_count = 2},
        {.path = "/model/output/b", .dims = {9}, .dim_count = 1},
    };
    struct checkpoint_shape shape = shape_of(tensors, 5);
    assert_int_equal(shape.hidden, 5);
    assert_int_equal(shape.gates, 4);
    assert_int_equal(shape.layers, 1);
    assert_int_equal(shape.vocabulary, 9);
    assert_int_equal(shape.embedding, 0);
    assert_false(shape.bidirectional || shape.double_bias || shape.tied);
}

/* A layer behind a gap is none. */
static void all_that_a_network_can_have(void **unused)
{
    (void)unused;
    struct tensor tensors[] = {
        {.path = "/model/embedding/W", .dims = {9, 10}, .dim_count = 2},
        {.path = "/model/layer0/W_h", .dims = {5, 15}, .dim_count = 2},
        {.path = "/model/layer0/b_h", .dims = {15}, .dim_count = 1},
        {.path = "/model/layer0/reverse/W_h", .dims = {5, 15}, .dim_count = 2},
        {.path = "/model/layer1/W_h", .dims = {5, 15}, .dim_count = 2},
        {.path = "/model/layer3/W_h", .dims = {5, 15}, .dim_count = 2},
        {.path = "/model/output/b", .dims = {9}, .dim_count = 1},
    };
    struct checkpoint_shape shape = shape_of(tensors, 7);
    assert_int_equal(shape.gates, 3);
    assert_int_equal(shape.layers, 2);
    assert_int_equal(shape.embedding, 10);
    assert_true(shape.bidirectional && shape.double_bias && shape.tied);
}

static void what_is_not_there_is_zero(void **unused)
{
    (void)unused;
    struct tensor tensors[] = {
        {.path = "/model/layer0/W_h", .dims = {5}, .dim_count = 1},
        {.path = "/model/embedding/W", .dims = {9}, .dim_count = 1},
        {.path = "/state/h", .dims = {1, 2, 5}, .dim_count = 3},
    };
    struct checkpoint_shape shape = shape_of(tensors, 3);
    assert_int_equal(shape.hidden, 5);
    assert_int_equal(shape.gates, 0);
    assert_int_equal(shape.embedding, 0);
    assert_int_equal(shape.vocabulary, 0);
    tensors[0] = (struct tensor){.path = "/model/layer0/W_h", .dims = {0, 4}, .dim_count = 2};
    shape = shape_of(tensors, 1);
    assert_int_equal(shape.gates, 0);
    shape = shape_of(NULL, 0);
    assert_int_equal(shape.layers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_network),
        cmocka_unit_test(all_that_a_network_can_have),
        cmocka_unit_test(what_is_not_there_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
