#include "torch_layout.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "NAME [ROWS, COLUMNS] PATH" of every tensor, a line each. */
static void describe(char text[4096], const struct torch_shape *shape)
{
    struct error error;
    struct torch_layout layout;
    size_t used = 0;
    assert_int_equal(torch_layout_make(&layout, shape, &error), STATUS_OK);
    for (size_t t = 0; t < layout.count; t++) {
        const struct torch_tensor *tensor = &layout.tensors[t];
        const char *path = tensor->path[0] ? tensor->path + strlen("/model/") : "zeros";
        if (tensor->dim_count == 2)
            used += (size_t)snprintf(text + used, 4096 - used, "%s [%zu, %zu] %s%s\n", tensor->name,
                                     tensor->rows, tensor->columns, path, tensor->transposed ? " T" : "");
        else
            used +=
                (size_t)snprintf(text + used, 4096 - used, "%s [%zu] %s\n", tensor->name, tensor->rows, path);
    }
    torch_layout_free(&layout);
}

static void test_plain_lstm(void **state)
{
    (void)state;
    char text[4096];
    const struct torch_shape shape = {torch_layout_cell("lstm", 4), 3, 1, 1, 7, 0, false, false};
    describe(text, &shape);
    assert_string_equal(text, "rnn.weight_ih_l0 [12, 7] layer0/W_x T\n"
                              "rnn.weight_hh_l0 [12, 3] layer0/W_h T\n"
                              "rnn.bias_ih_l0 [12] layer0/b\n"
                              "rnn.bias_hh_l0 [12] zeros\n"
                              "linear.weight [7, 3] output/W T\n"
                              "linear.bias [7] output/b\n");
}

static void test_everything(void **state)
{
    (void)state;
    char text[4096];
    const struct torch_shape shape = {torch_layout_cell("gru", 3), 2, 2, 2, 5, 4, true, false};
    describe(text, &shape);
    assert_string_equal(text, "embedding.weight [5, 4] embedding/W\n"
                              "rnn.weight_ih_l0 [6, 4] layer0/W_x T\n"
                              "rnn.weight_hh_l0 [6, 2] layer0/W_h T\n"
                              "rnn.bias_ih_l0 [6] layer0/b\n"
                              "rnn.bias_hh_l0 [6] layer0/b_h\n"
                              "rnn.weight_ih_l0_reverse [6, 4] layer0/reverse/W_x T\n"
                              "rnn.weight_hh_l0_reverse [6, 2] layer0/reverse/W_h T\n"
                              "rnn.bias_ih_l0_reverse [6] layer0/reverse/b\n"
                              "rnn.bias_hh_l0_reverse [6] layer0/reverse/b_h\n"
                              "rnn.weight_ih_l1 [6, 4] layer1/W_x T\n"
                              "rnn.weight_hh_l1 [6, 2] layer1/W_h T\n"
                              "rnn.bias_ih_l1 [6] layer1/b\n"
                              "rnn.bias_hh_l1 [6] layer1/b_h\n"
                              "rnn.weight_ih_l1_reverse [6, 4] layer1/reverse/W_x T\n"
                              "rnn.weight_hh_l1_reverse [6, 2] layer1/reverse/W_h T\n"
                              "rnn.bias_ih_l1_reverse [6] layer1/reverse/b\n"
                              "rnn.bias_hh_l1_reverse [6] layer1/reverse/b_h\n"
                              "linear.weight [5, 4] output/W T\n"
                              "linear.bias [5] output/b\n");
}

static void test_tied_table_has_two_names(void **state)
{
    (void)state;
    char text[4096];
    const struct torch_shape shape = {torch_layout_cell("rnn", 1), 4, 1, 1, 5, 4, false, true};
    describe(text, &shape);
    assert_string_equal(text, "embedding.weight [5, 4] embedding/W\n"
                              "rnn.weight_ih_l0 [4, 4] layer0/W_x T\n"
                              "rnn.weight_hh_l0 [4, 4] layer0/W_h T\n"
                              "rnn.bias_ih_l0 [4] layer0/b\n"
                              "rnn.bias_hh_l0 [4] zeros\n"
                              "linear.weight [5, 4] embedding/W\n"
                              "linear.bias [5] output/b\n");
}

static void test_cells(void **state)
{
    (void)state;
    assert_string_equal(torch_layout_cell(NULL, 4)->gate_names, "i,f,o,c");
    assert_string_equal(torch_layout_cell(NULL, 3)->module, "nn.GRU");
    assert_string_equal(torch_layout_cell("rnn", 1)->gate_names, "h");
    assert_null(torch_layout_cell(NULL, 2));
    assert_null(torch_layout_cell("lstm", 3));
    assert_null(torch_layout_cell("peephole", 4));
}

/* The gates of an LSTM: i, f, o, c here, and i, f, g (our c), o in PyTorch. */
static void test_rows(void **state)
{
    (void)state;
    enum { H = 2, COLUMNS = 71, ROWS = 4 * H };
    static const size_t ours[ROWS] = {0, 1, 2, 3, 6, 7, 4, 5};
    const struct torch_tensor tensor = {.rows = ROWS,
                                        .columns = COLUMNS,
                                        .dim_count = 2,
                                        .transposed = true,
                                        .cell = torch_layout_cell("lstm", 4)};
    float stored[COLUMNS * ROWS], back[COLUMNS * ROWS] = {0};
    uint32_t rows[3 * COLUMNS];
    for (size_t i = 0; i < COLUMNS * ROWS; i++)
        stored[i] = (float)i;
    for (size_t first = 0; first < ROWS; first += 3) {
        size_t count = ROWS - first < 3 ? ROWS - first : 3;
        torch_layout_get_rows(rows, &tensor, first, count, stored);
        for (size_t r = 0; r < count; r++) {
            for (size_t c = 0; c < COLUMNS; c++) {
                uint32_t bits = le32toh(rows[r * COLUMNS + c]);
                float number;
                memcpy(&number, &bits, sizeof number);
                assert_float_equal(number, stored[c * ROWS + ours[first + r]], 0);
            }
        }
        torch_layout_put_rows(back, &tensor, first, count, rows);
    }
    assert_memory_equal(back, stored, sizeof stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lstm),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_tied_table_has_two_names),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
