#include "operations.h"

#include "lstm_mpi/model/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The same operations as a sum over the tensors that are multiplied with. */
static void operations_are_those_of_the_matrices(void **unused)
{
    (void)unused;
    struct model_spec spec = {
        .vocabulary_size = 100, .hidden_size = 10, .cell = cell_find("gru"), .num_layers = 1};
    assert_true(operations_per_token(&spec) == 6 * (10 * 30 + 10 * 100));
    spec.num_layers = 2;
    spec.bidirectional = true;
    spec.embedding_size = 7;
    assert_true(operations_per_token(&spec) ==
                6 * (2 * (7 * 30 + 10 * 30) + 2 * (20 * 30 + 10 * 30) + 20 * 100));
    spec.cell = cell_find("rnn");
    spec.embedding_size = 0;
    assert_true(operations_per_token(&spec) == 6 * (2 * 10 * 10 + 2 * (20 * 10 + 10 * 10) + 20 * 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_those_of_the_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
