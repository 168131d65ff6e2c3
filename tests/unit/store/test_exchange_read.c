#include "lstm_mpi/base/random.h"
#include "lstm_mpi/store/exchange.h"
#include "support/failing_allocator.h"
#include "support/sample_network.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static char checkpoint_path[TEMPORARY_PATH_BYTES];
static char path[TEMPORARY_PATH_BYTES];

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    snprintf(checkpoint_path, sizeof checkpoint_path, "%.400s/a.h5", folder);
    snprintf(path, sizeof path, "%.400s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

/* A safetensors file out of the network. */
static void export(const struct network *network, size_t V)
{
    struct error error;
    struct checkpoint *checkpoint;
    struct vocabulary *vocabulary = sample_vocabulary(V);
    network_write(checkpoint_path, &comm, network, vocabulary);
    sample_demand(checkpoint_open(&checkpoint, &comm, checkpoint_path, CHECKPOINT_MODEL, &error), &error);
    sample_demand(exchange_write(path, checkpoint, vocabulary, &error), &error);
    checkpoint_close(checkpoint);
    vocabulary_destroy(vocabulary);
}

static void check_same(const struct exchange_model *model, const struct network *network, size_t V)
{
    struct vocabulary *vocabulary = sample_vocabulary(V);
    assert_int_equal(model->tensor_count, network->count);
    for (size_t t = 0; t < network->count; t++) {
        const struct tensor *expected = &network->tensors[t];
        const struct tensor *read = &model->tensors[t];
        assert_string_equal(read->path, expected->path);
        assert_int_equal(read->dim_count, expected->dim_count);
        assert_int_equal(tensor_elements(read), tensor_elements(expected));
        assert_int_equal(read->dims[0], expected->dims[0]);
        assert_memory_equal(read->data, expected->data, tensor_elements(expected) * sizeof(float));
    }
    assert_int_equal(vocabulary_digest(model->vocabulary), vocabulary_digest(vocabulary));
    for (uint32_t id = 0; id < V; id++)
        assert_int_equal(vocabulary_count(model->vocabulary, id), vocabulary_count(vocabulary, id));
    assert_int_equal(model->settings.seed, UINT64_MAX);
    assert_float_equal(model->settings.lr, 0.1, 0);
    vocabulary_destroy(vocabulary);
}

static void test_there_and_back(void **state)
{
    (void)state;
    static const struct network_shape shapes[] = {
        {4, 3, 1, 1, 7, 0, false, false},    {4, 1, 1, 1, 1, 0, false, false},
        {4, 40, 1, 1, 500, 0, false, false}, {3, 3, 1, 1, 7, 0, false, false},
        {1, 3, 1, 1, 7, 0, false, false},    {4, 3, 2, 1, 7, 0, false, false},
        {4, 3, 1, 2, 7, 0, true, false},     {3, 2, 3, 2, 6, 5, true, false},
        {1, 4, 2, 1, 6, 4, false, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct error error;
        struct network network;
        struct exchange_model model;
        network_make(&network, &shapes[i]);
        export(&network, shapes[i].V);
        enum status status = exchange_read(&model, path, NULL, &error);
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(model.settings.hidden_size, shapes[i].H);
        check_same(&model, &network, shapes[i].V);
        exchange_model_free(&model);
        network_free(&network);
    }
}

/* A file of this header and data. */
static void write_file(const char *header, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    uint64_t length = strlen(header);
    assert_non_null(file);
    fwrite(&length, sizeof length, 1, file);
    fwrite(header, length, 1, file);
    fwrite(data, bytes, 1, file);
    assert_int_equal(fclose(file), 0);
}

#define TENSOR(name, shape, offsets) \
    ",\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define METADATA(texts) "{\"__metadata__\":{" texts "}"
#define TOKENS "\"vocabulary\":\"[\\\"<unk>\\\",\\\"a\\\",\\\"b\\\"]\""
/* An LSTM with H = 1 and V = 3: 30 numbers. */
#define INPUT TENSOR("rnn.weight_ih_l0", "[4,3]", "[0,48]")
#define RECURRENT TENSOR("rnn.weight_hh_l0", "[4,1]", "[48,64]")
#define BIASES TENSOR("rnn.bias_ih_l0", "[4]", "[64,80]") TENSOR("rnn.bias_hh_l0", "[4]", "[80,96]")
#define OUTPUT TENSOR("linear.weight", "[3,1]", "[96,108]") TENSOR("linear.bias", "[3]", "[108,120]")
#define ALL INPUT RECURRENT BIASES OUTPUT "}"

static const float thirty[30] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static const struct {
    const char *header;
    const char *why;
} bad_files[] = {
    {METADATA("") ALL, "there is no vocabulary in its metadata"},
    {METADATA("\"vocabulary\":\"[\"") ALL, "vocabulary in its metadata is no good JSON"},
    {METADATA("\"vocabulary\":\"{}\"") ALL, "vocabulary in its metadata is no list of tokens"},
    {METADATA("\"vocabulary\":\"[]\"") ALL, "vocabulary in its metadata is no list of tokens"},
    {METADATA("\"vocabulary\":\"[1,2,3]\"") ALL, "vocabulary in its metadata has something that is no text"},
    {METADATA("\"vocabulary\":\"[\\\"u\\\",\\\"a\\\",\\\"a\\\"]\"") ALL, "occurs twice"},
    {METADATA("\"vocabulary\":\"[\\\"u\\\",\\\"a\\\"]\"") ALL, "the vocabulary has 2 tokens"},
    {METADATA(TOKENS ",\"counts\":\"[1]\"") ALL, "counts in its metadata is no list"},
    {METADATA(TOKENS ",\"counts\":\"[1,2,-3]\"") ALL, "counts in its metadata has something"},
    {METADATA(TOKENS ",\"code_points\":\"[0,97,4294967296]\"") ALL,
     "code_points in its metadata has something"},
    {METADATA(TOKENS ",\"code_points\":\"[0,97,97]\"") ALL, "has the code point of another token"},
    {METADATA(TOKENS ",\"config\":\"7\"") ALL, "config in its metadata is no"},
    {METADATA(TOKENS ",\"config\":\"[]\"") ALL, "config in its metadata is no object"},
    {METADATA(TOKENS ",\"config\":\"{\\\"lr\\\":null}\"") ALL, "config in its metadata has a setting that"},
    {METADATA(TOKENS ",\"config\":\"{\\\"lr\\\":-1}\"") ALL, "'-1' is out of range"},
    {METADATA(TOKENS ",\"config\":\"{\\\"batch_size\\\":\\\"many\\\"}\"") ALL,
     "'many' is not a whole number"},
    {METADATA(TOKENS) RECURRENT "}", "belong to no tensor"},
    {METADATA(TOKENS) TENSOR("x", "[30]", "[0,120]") "}", "it has no rnn.weight_hh_l0"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES TENSOR("linear.weight", "[3,2]", "[96,120]") "}",
     "it has no linear.bias"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES TENSOR("linear.weigth", "[3,1]", "[96,108]")
         TENSOR("linear.bias", "[3]", "[108,120]") "}",
     "it has no linear.weight"},
    {METADATA(TOKENS) TENSOR("rnn.weight_ih_l0", "[3,4]", "[0,48]") RECURRENT BIASES OUTPUT "}",
     "rnn.weight_ih_l0 has the shape [3, 4], and [4, 3] fits"},
    {METADATA(TOKENS) TENSOR("rnn.weight_ih_l0", "[12]", "[0,48]") RECURRENT BIASES OUTPUT "}",
     "rnn.weight_ih_l0 has the shape [12], and [4, 3] fits"},
    {METADATA(TOKENS) INPUT TENSOR("rnn.weight_hh_l0", "[2,2]", "[48,64]") BIASES OUTPUT "}",
     "rnn.weight_ih_l0 has the shape [4, 3], and [2, 3] fits"},
    {METADATA(TOKENS) INPUT TENSOR("rnn.weight_hh_l0", "[1,4]", "[48,64]") BIASES OUTPUT "}",
     "not that of an LSTM, a GRU or an RNN"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES TENSOR("linear.weight", "[3,1]", "[96,108]")
         TENSOR("linear.bias", "[1,3]", "[108,120]") "}",
     "it has no linear.bias with a number for each token"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES OUTPUT TENSOR("linear.extra", "[0]", "[120,120]") "}",
     "the tensor linear.extra belongs to no model"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES OUTPUT TENSOR("rnn.weight_hh_l2", "[0]", "[120,120]") "}",
     "the tensor rnn.weight_hh_l2 belongs to no model"},
    {METADATA(TOKENS) INPUT RECURRENT BIASES OUTPUT TENSOR("rnn.weight_hh_l1", "[0]", "[120,120]") "}",
     "it has no rnn.weight_ih_l1"},
};

static void test_names_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        struct error error;
        struct exchange_model model;
        char line[ERROR_LINE_BYTES];
        write_file(bad_files[i].header, thirty, sizeof thirty);
        if (exchange_read(&model, path, NULL, &error) == STATUS_OK)
            fail_msg("%s is taken", bad_files[i].header);
        exchange_model_free(&model);
        error_line(line, &error);
        assert_int_equal(error.status, STATUS_FAILED);
        if (!strstr(line, bad_files[i].why) || !strstr(line, "a.safetensors"))
            fail_msg("%s gives: %s", bad_files[i].header, line);
    }
}

static const float *find(const struct exchange_model *model, const char *tensor)
{
    for (size_t t = 0; t < model->tensor_count; t++)
        if (strcmp(model->tensors[t].path, tensor) == 0)
            return model->tensors[t].data;
    return NULL;
}

static void test_a_file_of_pytorch(void **state)
{
    (void)state;
    struct error error;
    struct exchange_model model;
    write_file(METADATA(TOKENS) ALL, thirty, sizeof thirty);
    assert_int_equal(exchange_read(&model, path, NULL, &error), STATUS_OK);
    const float *W_x = find(&model, "/model/layer0/W_x");
    const float expected[12] = {1, 4, 10, 7, 2, 5, 11, 8, 3, 6, 12, 9}; /* [3][i, f, o, c] */
    assert_memory_equal(W_x, expected, sizeof expected);
    assert_null(find(&model, "/model/layer0/b_h"));
    assert_int_equal(vocabulary_find(model.vocabulary, "b", 1), 2);
    assert_string_equal(model.cell_module, "nn.LSTM");
    assert_int_equal(model.settings.hidden_size, 1);
    assert_int_equal(model.settings.batch_size, 32);
    exchange_model_free(&model);
}

static void write_float64(const double numbers[30])
{
    write_file("{\"__metadata__\":{" TOKENS "},"
               "\"rnn.weight_ih_l0\":{\"dtype\":\"F64\",\"shape\":[4,3],\"data_offsets\":[0,96]},"
               "\"rnn.weight_hh_l0\":{\"dtype\":\"F64\",\"shape\":[4,1],\"data_offsets\":[96,128]},"
               "\"rnn.bias_ih_l0\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[128,160]},"
               "\"rnn.bias_hh_l0\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[160,192]},"
               "\"linear.weight\":{\"dtype\":\"F64\",\"shape\":[3,1],\"data_offsets\":[192,216]},"
               "\"linear.bias\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[216,240]}}",
               numbers, 30 * sizeof *numbers);
}

/* Numbers are rounded, and infinity stays what it is; one that float32 does not have is an error. */
static void test_float64(void **state)
{
    (void)state;
    struct error error;
    struct exchange_model model;
    const double numbers[30] = {0.1, [16] = (double)INFINITY, [19] = -2.5};
    const double too_large[30] = {0.1, [16] = 1e300, [19] = -2.5};
    write_float64(numbers);
    assert_int_equal(exchange_read(&model, path, NULL, &error), STATUS_OK);
    assert_float_equal(find(&model, "/model/layer0/W_x")[0], 0.1F, 0);
    assert_float_equal(find(&model, "/model/layer0/b")[2], -2.5F, 0);
    assert_true(isinf(find(&model, "/model/layer0/b")[0]));
    exchange_model_free(&model);
    write_float64(too_large);
    assert_int_equal(exchange_read(&model, path, NULL, &error), STATUS_FAILED);
    assert_string_equal(error.why, "rnn.bias_ih_l0 has a number of float64 that is too large for float32");
    exchange_model_free(&model);
}

static void test_vocabulary_of_a_checkpoint(void **state)
{
    (void)state;
    struct error error;
    struct network network;
    struct checkpoint *checkpoint;
    struct exchange_model model;
    const struct network_shape shape = {4, 2, 1, 1, 3, 0, false, false};
    network_make(&network, &shape);
    export(&network, 3);
    assert_int_equal(checkpoint_open(&checkpoint, &comm, checkpoint_path, CHECKPOINT_MODEL, &error),
                     STATUS_OK);
    write_file(METADATA("") ALL, thirty, sizeof thirty);
    assert_int_equal(exchange_read(&model, path, checkpoint, &error), STATUS_OK);
    assert_int_equal(vocabulary_count(model.vocabulary, 1), 3);
    exchange_model_free(&model);
    checkpoint_close(checkpoint);
    network_free(&network);
}

static void test_second_bias(void **state)
{
    (void)state;
    struct error error;
    struct exchange_model model;
    float numbers[30];
    memcpy(numbers, thirty, sizeof numbers);
    numbers[23] = -0.0F;
    write_file(METADATA(TOKENS) ALL, numbers, sizeof numbers);
    enum status status = exchange_read(&model, path, NULL, &error);
    if (settings_find("bias")->choices[1]) {
        assert_int_equal(status, STATUS_OK);
        assert_true(signbit(find(&model, "/model/layer0/b_h")[2])); /* o is the third here */
    } else {
        assert_int_equal(status, STATUS_FAILED);
        assert_string_equal(error.why, "it is a model with --bias double");
    }
    exchange_model_free(&model);
}

static void test_survives_damage(void **state)
{
    (void)state;
    enum { ROUNDS = 600 };
    struct network network;
    const struct network_shape shape = {4, 2, 1, 1, 5, 0, false, false};
    size_t bytes, taken = 0;
    network_make(&network, &shape);
    export(&network, 5);
    char *text = temporary_file_read(path, &bytes);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct error error;
        struct exchange_model model;
        size_t at = (size_t)random_below(7, 0, 3 * round, bytes);
        size_t left = random_below(7, 0, 3 * round + 1, 10) == 0 ? at : bytes;
        char before = text[at];
        text[at] = (char)random_bits(7, 0, 3 * round + 2);
        temporary_file_write(path, text, left);
        if (exchange_read(&model, path, NULL, &error) == STATUS_OK)
            taken++;
        else
            assert_true(error.what[0] != '\0' && error.why[0] != '\0');
        exchange_model_free(&model);
        text[at] = before;
    }
    assert_in_range(taken, 1, ROUNDS / 2); /* a number of a weight may be any */
    free(text);
    network_free(&network);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    enum status status = STATUS_FAILED;
    write_file(METADATA(TOKENS ",\"counts\":\"[0,2,1]\",\"code_points\":\"[0,97,98]\"") ALL, thirty,
               sizeof thirty);
    for (long n = 0; status != STATUS_OK; n++) {
        struct error error;
        struct exchange_model model;
        failing_allocator_after(n);
        status = exchange_read(&model, path, NULL, &error);
        failing_allocator_after(-1);
        exchange_model_free(&model);
        if (status != STATUS_OK && !strstr(error.what, "memory") && !strstr(error.why, "memory"))
            fail_msg("allocation %ld: %s: %s", n, error.what, error.why);
        assert_in_range(n, 0, 1000);
    }
}

static void test_a_file_that_is_not_there(void **state)
{
    (void)state;
    struct error error;
    struct exchange_model model;
    assert_int_equal(exchange_read(&model, path, NULL, &error), STATUS_FAILED);
    assert_string_equal(error.why, "No such file or directory");
    exchange_model_free(&model);
    assert_int_equal(exchange_read(&model, folder, NULL, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it is no file");
    exchange_model_free(&model);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(exchange_read(&model, path, NULL, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it is no file");
    exchange_model_free(&model);
}

int main(void)
{
    struct error error;
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_names_what_is_wrong, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_file_of_pytorch, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_float64, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_vocabulary_of_a_checkpoint, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_second_bias, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_survives_damage, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_there, make_folder, remove_folder),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
