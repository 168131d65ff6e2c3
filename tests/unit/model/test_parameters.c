#include "lstm_mpi/model/parameters.h"

#include "lstm_mpi/model/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

static struct parameters layout(size_t V, size_t H)
{
    struct parameters parameters;
    struct model_spec spec = {
        .vocabulary_size = V, .hidden_size = H, .cell = cell_find("lstm"), .num_layers = 1};
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    return parameters;
}

static void check_tensor(const struct parameters *parameters, const char *path, size_t rows, size_t columns,
                         const char *gates)
{
    const struct parameter *parameter = parameters_find(parameters, path);
    assert_non_null(parameter);
    assert_string_equal(parameter->path, path);
    assert_int_equal(parameter->dims[0], rows);
    assert_int_equal(parameter->dim_count, columns > 0 ? 2 : 1);
    if (columns > 0)
        assert_int_equal(parameter->dims[1], columns);
    assert_int_equal(parameters_tensor_size(parameter), columns > 0 ? rows * columns : rows);
    if (gates)
        assert_string_equal(parameter->gates, gates);
    else
        assert_null(parameter->gates);
}

static void the_table_names_every_tensor(void **unused)
{
    (void)unused;
    struct parameters parameters = layout(37, 5);
    assert_int_equal(parameters.count, 5);
    check_tensor(&parameters, "layer0/W_x", 37, 20, "i,f,o,c");
    check_tensor(&parameters, "layer0/W_h", 5, 20, "i,f,o,c");
    check_tensor(&parameters, "layer0/b", 20, 0, "i,f,o,c");
    check_tensor(&parameters, "output/W", 5, 37, NULL);
    check_tensor(&parameters, "output/b", 37, 0, NULL);
    assert_int_equal(parameters_learned(&parameters), 37 * 20 + 5 * 20 + 20 + 5 * 37 + 37);
}

static void an_unknown_path_is_not_found(void **unused)
{
    (void)unused;
    struct parameters parameters = layout(37, 5);
    assert_null(parameters_find(&parameters, "layer1/W_x"));
    assert_null(parameters_find(&parameters, "layer0"));
    assert_null(parameters_find(&parameters, "/layer0/b"));
    assert_null(parameters_find(&parameters, ""));
}

static struct model_spec whole_family(void)
{
    return (struct model_spec){.vocabulary_size = 37,
                               .hidden_size = 5,
                               .cell = cell_find("gru"),
                               .num_layers = 2,
                               .bidirectional = true,
                               .double_bias = true};
}

static void layers_and_directions_have_tensors_of_their_own(void **unused)
{
    (void)unused;
    struct parameters parameters;
    struct model_spec spec = whole_family();
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    assert_int_equal(parameters.count, 4 * 4 + 2);
    static const char *const directions[] = {"layer0", "layer0/reverse", "layer1", "layer1/reverse"};
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"W_x", "W_h", "b", "b_h"};
        for (size_t n = 0; n < 4; n++) {
            char path[PARAMETER_PATH_BYTES];
            snprintf(path, sizeof path, "%s/%s", directions[i], names[n]);
            size_t rows = n == 0 ? (i < 2 ? 37 : 10) : 5;
            check_tensor(&parameters, path, n < 2 ? rows : 15, n < 2 ? 15 : 0, "r,z,n");
            assert_ptr_equal(parameters_find_in_layer(&parameters, i / 2, i % 2, names[n]),
                             parameters_find(&parameters, path));
        }
    }
    check_tensor(&parameters, "output/W", 10, 37, NULL);
    assert_int_equal(parameters.row_table_count, 2);
    assert_int_equal(parameters.row_size, 2 * 15);
    assert_int_equal(parameters.token_row_size, 2 * 15);
    assert_string_equal(parameters_row_table(&parameters, 0)->path, "layer0/W_x");
    assert_string_equal(parameters_row_table(&parameters, 1)->path, "layer0/reverse/W_x");
    assert_int_equal(parameters.dense_size, parameters_row_table(&parameters, 0)->offset);
}

static void an_embedding_is_the_row_table(void **unused)
{
    (void)unused;
    struct parameters parameters;
    struct model_spec spec = whole_family();
    spec.embedding_size = 7;
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    check_tensor(&parameters, "embedding/W", 37, 7, NULL);
    check_tensor(&parameters, "layer0/reverse/W_x", 7, 15, "r,z,n");
    assert_int_equal(parameters.row_table_count, 1);
    assert_int_equal(parameters.row_size, 7);
    assert_int_equal(parameters.token_row_size, 7);
    assert_string_equal(parameters_row_table(&parameters, 0)->path, "embedding/W");
}

/* It has a gradient everywhere, so it is dense; and output/W is no parameter. */
static void a_tied_embedding_is_dense(void **unused)
{
    (void)unused;
    struct parameters parameters;
    struct model_spec spec = whole_family();
    spec.bidirectional = false;
    spec.embedding_size = 5;
    spec.tie_weights = true;
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    check_tensor(&parameters, "embedding/W", 37, 5, NULL);
    assert_null(parameters_find(&parameters, "output/W"));
    assert_int_equal(parameters.row_table_count, 0);
    assert_int_equal(parameters.row_size, 0);
    assert_int_equal(parameters.token_row_size, 5);
    assert_int_equal(parameters.dense_size, parameters.size);
}

static void the_largest_family_fits_into_the_table(void **unused)
{
    (void)unused;
    struct parameters parameters;
    struct model_spec spec = whole_family();
    spec.num_layers = MODEL_MAX_LAYERS;
    spec.embedding_size = 3;
    assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
    assert_int_equal(parameters.count, PARAMETER_MAX_COUNT);
}

static size_t padded(size_t floats)
{
    return (floats + PARAMETERS_ALIGNMENT - 1) / PARAMETERS_ALIGNMENT * PARAMETERS_ALIGNMENT;
}

/* One behind the other without a gap that alignment does not ask for; the row table last. */
static void tensors_lie_in_order_and_aligned(void **unused)
{
    (void)unused;
    static const size_t shapes[][2] = {{1, 1}, {2, 1}, {5, 3}, {16, 4}, {17, 16}, {100, 33}, {4000, 256}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        size_t V = shapes[s][0];
        size_t H = shapes[s][1];
        struct parameters parameters = layout(V, H);
        size_t end = 0;
        for (size_t i = 0; i < parameters.count; i++) {
            const struct parameter *parameter = &parameters.table[i];
            assert_int_equal(parameter->offset, end);
            assert_int_equal(parameter->offset % PARAMETERS_ALIGNMENT, 0);
            end = padded(parameter->offset + parameters_tensor_size(parameter));
        }
        assert_int_equal(parameters.size, end);
        const struct parameter *last = &parameters.table[parameters.count - 1];
        assert_string_equal(last->path, "layer0/W_x");
        assert_int_equal(parameters.dense_size, last->offset);
        assert_int_equal(parameters.row_size, 4 * H);
    }
}

static void every_cell_has_its_gates(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < cell_count; c++) {
        struct parameters parameters;
        struct model_spec spec = {
            .vocabulary_size = 11, .hidden_size = 6, .cell = &cells[c], .num_layers = 1};
        assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_OK);
        check_tensor(&parameters, "layer0/W_x", 11, cells[c].gates * 6, cells[c].gate_names);
        check_tensor(&parameters, "layer0/W_h", 6, cells[c].gates * 6, cells[c].gate_names);
        assert_int_equal(parameters.row_size, cells[c].gates * 6);
    }
}

/* Each of these overflows in another place: gates · H, H · gates · H, H · V, the padding, the sum, the bytes.
 */
static void sizes_that_overflow_are_errors(void **unused)
{
    (void)unused;
    static const size_t shapes[][2] = {
        {1, SIZE_MAX / 2}, {1, (size_t)1 << 32}, {(size_t)1 << 60, 32}, {SIZE_MAX - 1, 1},
        {SIZE_MAX / 5, 1}, {SIZE_MAX / 24, 1},   {SIZE_MAX, 1},         {SIZE_MAX, SIZE_MAX},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct parameters parameters;
        struct model_spec spec = {.vocabulary_size = shapes[s][0],
                                  .hidden_size = shapes[s][1],
                                  .cell = cell_find("lstm"),
                                  .num_layers = 1};
        memset(&error, 0, sizeof error);
        assert_int_equal(parameters_layout(&parameters, &spec, &error), STATUS_FAILED);
        assert_true(error.what[0] && error.why[0] && error.remedy[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_and_directions_have_tensors_of_their_own),
        cmocka_unit_test(an_embedding_is_the_row_table),
        cmocka_unit_test(a_tied_embedding_is_dense),
        cmocka_unit_test(the_largest_family_fits_into_the_table),
        cmocka_unit_test(the_table_names_every_tensor),
        cmocka_unit_test(an_unknown_path_is_not_found),
        cmocka_unit_test(tensors_lie_in_order_and_aligned),
        cmocka_unit_test(every_cell_has_its_gates),
        cmocka_unit_test(sizes_that_overflow_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
