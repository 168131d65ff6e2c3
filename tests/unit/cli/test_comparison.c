#include "comparison.h"
#include "support/sample_network.h"
#include "support/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static const struct network_shape shape = {4, 3, 1, 1, 6, 0, false, false};

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

/* Two networks as they would be compared. */
struct pair {
    struct inspection inspections[2];
    struct comparison comparison;
    char paths[2][TEMPORARY_PATH_BYTES];
};

static void compare(struct pair *pair, const struct network networks[2], const size_t V[2])
{
    struct error error;
    *pair = (struct pair){0};
    for (size_t i = 0; i < 2; i++) {
        struct vocabulary *vocabulary = sample_vocabulary(V[i]);
        snprintf(pair->paths[i], sizeof pair->paths[i], "%.400s/%zu.h5", folder, i);
        network_write(pair->paths[i], &comm, &networks[i], vocabulary);
        vocabulary_destroy(vocabulary);
        sample_demand(inspection_open(&pair->inspections[i], &comm, pair->paths[i], &error), &error);
    }
    sample_demand(comparison_make(&pair->comparison, &pair->inspections[0], &pair->inspections[1], &error),
                  &error);
}

static void end(struct pair *pair)
{
    comparison_free(&pair->comparison);
    inspection_close(&pair->inspections[0]);
    inspection_close(&pair->inspections[1]);
}

static const struct compared_tensor *find(const struct pair *pair, const char *path)
{
    for (size_t t = 0; t < pair->comparison.tensor_count; t++)
        if (strcmp(pair->comparison.tensors[t].path, path) == 0)
            return &pair->comparison.tensors[t];
    return NULL;
}

static void test_the_same(void **state)
{
    (void)state;
    struct pair pair;
    struct network networks[2];
    network_make(&networks[0], &shape);
    network_make(&networks[1], &shape);
    networks[0].tensors[0].data[0] = networks[1].tensors[0].data[0] = NAN;
    compare(&pair, networks, (const size_t[]){6, 6});
    assert_true(pair.comparison.same_model && pair.comparison.same_vocabulary && pair.comparison.same_counts);
    assert_int_equal(pair.comparison.setting_count, 0);
    assert_int_equal(pair.comparison.tensor_count, 5);
    assert_int_equal(find(&pair, "/model/layer0/W_x")->differing, 0);
    end(&pair);
    network_free(&networks[0]);
    network_free(&networks[1]);
}

static void test_numbers_that_differ(void **state)
{
    (void)state;
    struct pair pair;
    struct network networks[2];
    network_make(&networks[0], &shape);
    network_make(&networks[1], &shape);
    float *left = networks[0].tensors[2].data, *right = networks[1].tensors[2].data;
    for (size_t i = 0; i < 12; i++)
        left[i] = right[i] = 0;
    left[1] = 3;
    right[1] = 4;
    left[2] = 1;
    right[2] = -1;
    right[3] = -0.0F;
    networks[1].tensors[4].data[0] = INFINITY;
    compare(&pair, networks, (const size_t[]){6, 6});
    const struct compared_tensor *b = find(&pair, "/model/layer0/b");
    assert_false(pair.comparison.same_model);
    assert_int_equal(b->differing, 3);
    assert_float_equal(b->most, 2, 0);
    assert_float_equal(b->most_relative, 2, 0);
    assert_float_equal(b->left_norm, sqrt(10), 1e-12);
    assert_float_equal(b->right_norm, sqrt(17), 1e-12);
    assert_float_equal(b->difference_norm, sqrt(5), 1e-12);
    assert_int_equal(find(&pair, "/model/layer0/W_h")->differing, 0);
    assert_int_equal(find(&pair, "/model/output/b")->differing, 1);
    assert_true(isinf(find(&pair, "/model/output/b")->most));
    end(&pair);
    network_free(&networks[0]);
    network_free(&networks[1]);
}

static void test_other_shapes_and_vocabularies(void **state)
{
    (void)state;
    static const struct network_shape other = {4, 3, 2, 1, 8, 0, false, false};
    struct pair pair;
    struct network networks[2];
    network_make(&networks[0], &shape);
    network_make(&networks[1], &other);
    compare(&pair, networks, (const size_t[]){6, 8});
    assert_false(pair.comparison.same_model || pair.comparison.same_vocabulary);
    assert_int_equal(pair.comparison.left_only_count, 0);
    assert_int_equal(pair.comparison.right_only_count, 2);
    assert_int_equal(pair.comparison.right_only[0], 6);
    assert_int_equal(pair.comparison.moved, 0);
    assert_false(find(&pair, "/model/layer0/W_x")->compared);
    assert_true(find(&pair, "/model/layer0/W_h")->compared);
    assert_null(find(&pair, "/model/layer1/b")->left);
    end(&pair);
    network_free(&networks[0]);
    network_free(&networks[1]);
}

int main(void)
{
    struct error error;
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_numbers_that_differ, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_shapes_and_vocabularies, make_folder, remove_folder),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
