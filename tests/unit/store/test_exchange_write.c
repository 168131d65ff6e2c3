#include "lstm_mpi/store/exchange.h"
#include "safetensors_header.h"
#include "support/failing_allocator.h"
#include "support/failing_files.h"
#include "support/sample_network.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static char from[TEMPORARY_PATH_BYTES];
static char to[TEMPORARY_PATH_BYTES];

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    snprintf(from, sizeof from, "%.400s/a.h5", folder);
    snprintf(to, sizeof to, "%.400s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static enum status write_open(const struct checkpoint *checkpoint, struct error *error)
{
    struct vocabulary *vocabulary = NULL;
    sample_demand(checkpoint_read_vocabulary(&vocabulary, checkpoint,
                                             &(const struct token_rules){.tokenizer = tokenizers[0]}, error),
                  error);
    enum status status = exchange_write(to, checkpoint, vocabulary, error);
    vocabulary_destroy(vocabulary);
    return status;
}

static enum status export(const struct network *network, size_t V, struct error *error) {
    struct checkpoint *checkpoint; struct vocabulary *vocabulary = sample_vocabulary(V);
    network_write(from, &comm, network, vocabulary);
    sample_demand(checkpoint_open(&checkpoint, &comm, from, CHECKPOINT_MODEL, error), error);
    enum status status = write_open(checkpoint, error);
    checkpoint_close(checkpoint);
    vocabulary_destroy(vocabulary);
    return status;
}

/* The numbers of one tensor of the file; the caller frees them. */
static float *numbers_of(const char *name, size_t *rows, size_t *columns)
{
    struct error error;
    struct safetensors_header header;
    int file = open(to, O_RDONLY);
    assert_int_equal(safetensors_header_read(&header, file, to, &error), STATUS_OK);
    const struct safetensors_tensor *tensor = safetensors_header_find(&header, name);
    if (!tensor)
        fail_msg("there is no %s", name);
    *rows = tensor->dims[0];
    *columns = tensor->dim_count == 2 ? tensor->dims[1] : 1;
    float *numbers = malloc(*rows * *columns * sizeof *numbers);
    assert_int_equal(
        pread(file, numbers, *rows * *columns * sizeof *numbers, (off_t)(header.data_offset + tensor->begin)),
        *rows * *columns * sizeof *numbers);
    safetensors_header_free(&header);
    close(file);
    return numbers;
}

static void test_numbers_of_an_lstm(void **state)
{
    (void)state;
    enum { V = 300, H = 5 };
    static const size_t block[4] = {0, 1, 3, 2}; /* i, f, g, o among i, f, o, c */
    struct error error;
    struct network network;
    const struct network_shape shape = {4, H, 2, 2, V, 0, true, false};
    size_t rows, columns;
    network_make(&network, &shape);
    assert_int_equal(export(&network, V, &error), STATUS_OK);
    float *W = numbers_of("rnn.weight_ih_l1_reverse", &rows, &columns);
    assert_int_equal(rows, 4 * H);
    assert_int_equal(columns, 2 * H);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            assert_float_equal(
                W[r * columns + c],
                network_number("/model/layer1/reverse/W_x", c * 4 * H + block[r / H] * H + r % H), 0);
    free(W);
    W = numbers_of("rnn.bias_hh_l0", &rows, &columns);
    for (size_t r = 0; r < rows; r++)
        assert_float_equal(W[r], network_number("/model/layer0/b_h", block[r / H] * H + r % H), 0);
    free(W);
    W = numbers_of("linear.weight", &rows, &columns);
    assert_int_equal(rows, V);
    assert_int_equal(columns, 2 * H);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            assert_float_equal(W[r * columns + c], network_number("/model/output/W", c * V + r), 0);
    free(W);
    network_free(&network);
}

static void test_numbers_of_a_tied_gru(void **state)
{
    (void)state;
    enum { V = 6, H = 3 };
    struct error error;
    struct network network;
    const struct network_shape shape = {3, H, 1, 1, V, H, false, true};
    size_t rows, columns;
    network_make(&network, &shape);
    assert_int_equal(export(&network, V, &error), STATUS_OK);
    const char *const tables[] = {"embedding.weight", "linear.weight"};
    for (size_t t = 0; t < 2; t++) {
        float *W = numbers_of(tables[t], &rows, &columns);
        for (size_t i = 0; i < rows * columns; i++)
            assert_float_equal(W[i], network_number("/model/embedding/W", i), 0);
        free(W);
    }
    float *zeros = numbers_of("rnn.bias_hh_l0", &rows, &columns);
    assert_int_equal(rows, 3 * H);
    for (size_t i = 0; i < rows; i++)
        assert_float_equal(zeros[i], 0, 0);
    free(zeros);
    network_free(&network);
}

static void check_refusal(const struct network *network, const char *why)
{
    struct error error;
    assert_int_equal(export(network, 6, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, "cannot export"));
    if (!strstr(error.why, why))
        fail_msg("%s", error.why);
    assert_string_equal(temporary_folder_list(folder), "a.h5 ");
}

static void test_refuses_what_pytorch_lacks(void **state)
{
    (void)state;
    const struct network_shape seven_gates = {7, 3, 1, 1, 6, 0, false, false};
    const struct network_shape lstm = {4, 3, 1, 1, 6, 0, false, false};
    struct network network;
    network_make(&network, &seven_gates);
    check_refusal(&network, "no module for the cell lstm with 7 gates");
    network_free(&network);

    network_make(&network, &lstm);
    network_add(&network, "layer0/peephole", 3, 0);
    check_refusal(&network, "no place for /model/layer0/peephole");
    network_free(&network);

    network_make(&network, &lstm);
    strcpy(network.tensors[2].path, "/state/b");
    check_refusal(&network, "it has no /model/layer0/b");
    strcpy(network.tensors[2].path, "/model/layer0/b");
    strcpy(network.tensors[4].path, "/state/b");
    check_refusal(&network, "it has no /model/output/b");
    network_free(&network);
}

/* Whatever fails, no half-written file is left, and the former one stays. */
static void test_every_call_fails_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct network network;
    struct checkpoint *checkpoint;
    const struct network_shape shape = {4, 3, 1, 1, 6, 0, false, false};
    size_t bytes, then;
    long n = 0;
    network_make(&network, &shape);
    assert_int_equal(export(&network, 6, &error), STATUS_OK);
    free(temporary_file_read(to, &bytes));
    assert_int_equal(checkpoint_open(&checkpoint, &comm, from, CHECKPOINT_MODEL, &error), STATUS_OK);
    for (bool more = true; more; n++) {
        failing_files_after(n, ENOSPC);
        enum status status = write_open(checkpoint, &error);
        more = failing_files_failed()[0] != '\0';
        failing_files_after(-1, 0);
        assert_int_equal(status, more ? STATUS_FAILED : STATUS_OK);
        if (more)
            assert_string_equal(error.why, "No space left on device");
        assert_string_equal(temporary_folder_list(folder), "a.h5 a.safetensors ");
        free(temporary_file_read(to, &then));
        assert_int_equal(then, bytes);
    }
    assert_in_range(n, 5, 100);
    checkpoint_close(checkpoint);
    network_free(&network);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct network network;
    struct checkpoint *checkpoint;
    struct vocabulary *vocabulary = sample_vocabulary(6);
    enum status status = STATUS_FAILED;
    const struct network_shape shape = {4, 3, 1, 1, 6, 0, false, false};
    network_make(&network, &shape);
    network_write(from, &comm, &network, vocabulary);
    assert_int_equal(checkpoint_open(&checkpoint, &comm, from, CHECKPOINT_MODEL, &error), STATUS_OK);
    for (long n = 0; status != STATUS_OK; n++) {
        failing_allocator_after(n);
        status = exchange_write(to, checkpoint, vocabulary, &error);
        failing_allocator_after(-1);
        if (status != STATUS_OK) {
            assert_non_null(strstr(error.what, "memory"));
            assert_string_equal(temporary_folder_list(folder), "a.h5 ");
        }
        assert_in_range(n, 0, 1000);
    }
    checkpoint_close(checkpoint);
    vocabulary_destroy(vocabulary);
    network_free(&network);
}

int main(void)
{
    struct error error;
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_of_an_lstm, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_numbers_of_a_tied_gru, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_refuses_what_pytorch_lacks, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_every_call_fails_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once, make_folder, remove_folder),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
