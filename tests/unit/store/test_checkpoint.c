#include "h5.h"
#include "lstm_mpi/store/checkpoint.h"
#include "support/sample_snapshot.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static char path[TEMPORARY_PATH_BYTES];
static const struct sample_shape shape = {6, 2, 1, 3};

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    snprintf(path, sizeof path, "%.400s/checkpoint.h5", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static void write_sample(uint64_t update)
{
    struct error error;
    struct sample sample;
    sample_make(&sample, &comm, shape, 2, update);
    assert_int_equal(checkpoint_write(&comm, path, &sample.snapshot, &error), STATUS_OK);
    sample_free(&sample);
}

static enum status try_open(enum checkpoint_use use, struct error *error)
{
    struct checkpoint *checkpoint;
    enum status status = checkpoint_open(&checkpoint, &comm, path, use, error);
    checkpoint_close(checkpoint);
    return status;
}

/* All bytes of a file belong to object headers or to datasets. */
static herr_t add_object(hid_t file, const char *name, const H5O_info_t *info, void *context)
{
    hsize_t *bytes = context;
    *bytes += info->hdr.space.total;
    if (info->type == H5O_TYPE_DATASET) {
        hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
        *bytes += H5Dget_storage_size(dataset);
        H5Dclose(dataset);
    }
    return 0;
}

static void test_no_gaps(void **state)
{
    (void)state;
    write_sample(1);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5F_info2_t info;
    assert_true(H5Fget_info2(file, &info) >= 0);
    assert_in_range(info.super.version, 2, 3);
    hsize_t bytes = info.super.super_size + info.super.super_ext_size;
    hsize_t size = 0;
    assert_true(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add_object, &bytes) >= 0);
    assert_true(H5Fget_filesize(file, &size) >= 0);
    assert_int_equal(bytes, size);
    H5Fclose(file);
}

/* A dense sample of all bytes, each with another bit. */
static void test_flipped_bits(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    enum { STEP = 31 };
#else
    enum { STEP = 3 };
#endif
    struct error error;
    size_t bytes;
    write_sample(1);
    assert_int_equal(try_open(CHECKPOINT_RUN, &error), STATUS_OK);
    char *data = temporary_file_read(path, &bytes);
    assert_non_null(data);
    int file = open(path, O_WRONLY);
    for (size_t i = 0; i < bytes; i += STEP) {
        char flipped = (char)(data[i] ^ (1 << (i % 8)));
        assert_int_equal(pwrite(file, &flipped, 1, (off_t)i), 1);
        if (try_open(CHECKPOINT_MODEL, &error) != STATUS_FAILED)
            fail_msg("a flipped bit in byte %zu of %zu was not found", i, bytes);
        assert_int_equal(pwrite(file, &data[i], 1, (off_t)i), 1);
    }
    close(file);
    free(data);
}

static void test_cut_short(void **state)
{
    (void)state;
    struct error error;
    size_t bytes;
    write_sample(1);
    char *data = temporary_file_read(path, &bytes);
    assert_non_null(data);
    for (size_t kept = 0; kept < bytes; kept += kept < 200 || kept + 200 > bytes ? 1 : 37) {
        temporary_file_write(path, data, kept);
        assert_int_equal(try_open(CHECKPOINT_MODEL, &error), STATUS_FAILED);
        assert_non_null(strstr(error.what, path));
        if (kept > 100)
            assert_string_equal(error.why, "the file is cut short");
    }
    free(data);
}

/* The former file goes only when the new one is there. */
static void test_replace(void **state)
{
    (void)state;
    struct error error;
    for (uint64_t update = 1; update <= 2; update++) {
        struct checkpoint *checkpoint;
        write_sample(update);
        assert_string_equal(temporary_folder_list(folder), "checkpoint.h5 ");
        assert_int_equal(checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_RUN, &error), STATUS_OK);
        assert_int_equal(checkpoint->progress.update, update);
        assert_int_equal(sample_differences(checkpoint, &comm, shape, update), 0);
        checkpoint_close(checkpoint);
    }
}

static void test_tensor_that_does_not_fit(void **state)
{
    (void)state;
    struct error error;
    struct checkpoint *checkpoint;
    float data[64];
    struct tensor tensor = {
        .path = "/model/layer0/W_x", .dims = {6, 9}, .dim_count = 2, .split_dim = -1, .data = data};
    write_sample(1);
    assert_int_equal(checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_RUN, &error), STATUS_OK);
    assert_int_equal(checkpoint_read_tensor(checkpoint, &tensor, &error), STATUS_FAILED);
    assert_string_equal(error.why, "/model/layer0/W_x has the shape [6, 8], and [6, 9] is needed");
    tensor.dim_count = 1;
    assert_int_equal(checkpoint_read_tensor(checkpoint, &tensor, &error), STATUS_FAILED);
    snprintf(tensor.path, sizeof tensor.path, "/model/layer7/W_x");
    assert_int_equal(checkpoint_read_tensor(checkpoint, &tensor, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it has no /model/layer7/W_x");
    assert_int_equal(
        checkpoint_check_model(checkpoint, checkpoint->tensors, checkpoint->tensor_count, &error), STATUS_OK);
    assert_int_equal(checkpoint_check_model(checkpoint, &tensor, 1, &error), STATUS_FAILED);
    assert_string_equal(error.why, "it has /model/layer0/W_h, for which the network has no place");
    assert_non_null(checkpoint_find(checkpoint, "/model/output/b"));
    assert_null(checkpoint_find(checkpoint, "/model/output"));
    checkpoint_close(checkpoint);
}

/* Files as another program writes them. */

static hid_t foreign;

static void put(const char *object, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute =
        H5Acreate_by_name(foreign, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0 && H5Awrite(attribute, type, value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void dataset(const char *name, hid_t file_type, int dim_count, hsize_t first, hsize_t second,
                    hid_t memory_type, const void *data)
{
    hsize_t dims[2] = {first, second};
    hid_t space = H5Screate_simple(dim_count, dims, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t made = H5Dcreate2(foreign, name, file_type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(made >= 0);
    if (data)
        assert_true(H5Dwrite(made, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(made);
    H5Pclose(links);
    H5Sclose(space);
}

static hid_t text_type(size_t bytes, H5T_str_t padding)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    if (bytes != H5T_VARIABLE)
        H5Tset_strpad(type, padding);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static const char *const words[] = {"<unk>", " ", "我", "<0x00>"};
static const double numbers[] = {0.5, -1.25, 3.0, 1e-3};

enum format { GOOD, NO_FORMAT, OTHER_FORMAT, OTHER_VERSION, FORMAT_IS_NUMBER, VERSION_IS_TEXT };

static void begin_foreign(size_t text_bytes, H5T_str_t padding, enum format format)
{
    foreign = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(foreign >= 0);
    const char *name = format == OTHER_FORMAT ? "netcdf" : "lstm_mpi";
    char field[9];
    memset(field, padding == H5T_STR_SPACEPAD ? ' ' : '\0', sizeof field);
    memcpy(field, name, strlen(name));
    hid_t type = text_type(text_bytes, padding);
    short version = format == OTHER_VERSION ? 2 : 1;
    if (format == FORMAT_IS_NUMBER)
        put("/", "format", H5T_NATIVE_SHORT, &version);
    else if (format != NO_FORMAT)
        put("/", "format", type, text_bytes == H5T_VARIABLE ? (const void *)&name : field);
    if (format == VERSION_IS_TEXT)
        put("/", "format_version", type, text_bytes == H5T_VARIABLE ? (const void *)&name : field);
    else
        put("/", "format_version", H5T_NATIVE_SHORT, &version);
    H5Tclose(type);
}

static void add_tokens(size_t text_bytes, H5T_str_t padding)
{
    hid_t type = text_type(text_bytes, padding);
    char fields[4][9];
    memset(fields, padding == H5T_STR_SPACEPAD ? ' ' : '\0', sizeof fields);
    for (size_t i = 0; i < 4; i++)
        memcpy(fields[i], words[i], strlen(words[i]));
    dataset("/vocabulary/token", type, 1, 4, 0, type,
            text_bytes == H5T_VARIABLE ? (const void *)words : fields);
    H5Tclose(type);
}

static void check_foreign(void)
{
    struct error error;
    struct checkpoint *checkpoint;
    struct vocabulary *vocabulary;
    assert_int_equal(try_open(CHECKPOINT_RUN, &error), STATUS_FAILED);
    if (checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_MODEL, &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
    float data[4];
    struct tensor tensor = {
        .path = "/model/output/W", .dims = {2, 2}, .dim_count = 2, .split_dim = -1, .data = data};
    assert_int_equal(checkpoint_read_tensor(checkpoint, &tensor, &error), STATUS_OK);
    for (size_t i = 0; i < 4; i++)
        assert_true(data[i] == (float)numbers[i]);
    if (checkpoint_read_vocabulary(&vocabulary, checkpoint,
                                   &(const struct token_rules){.tokenizer = tokenizers[0]},
                                   &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
    assert_int_equal(vocabulary_size(vocabulary), 4);
    assert_int_equal(vocabulary_code_point(vocabulary, 1), ' ');
    assert_int_equal(vocabulary_code_point(vocabulary, 2), 0x6211);
    vocabulary_destroy(vocabulary);
    checkpoint_close(checkpoint);
}

static void test_foreign_files(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        H5T_str_t padding;
    } texts[] = {
        {H5T_VARIABLE, H5T_STR_NULLTERM}, {9, H5T_STR_NULLTERM}, {9, H5T_STR_NULLPAD}, {9, H5T_STR_SPACEPAD}};
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE};
    for (size_t i = 0; i < 4; i++) {
        begin_foreign(texts[i].bytes, texts[i].padding, GOOD);
        add_tokens(texts[i].bytes, texts[i].padding);
        dataset("/model/output/W", types[i], 2, 2, 2, H5T_NATIVE_DOUBLE, numbers);
        H5Fclose(foreign);
        check_foreign();
    }
}

static void expect_refusal(const char *why)
{
    struct error error = {0};
    H5Fclose(foreign);
    assert_int_equal(try_open(CHECKPOINT_MODEL, &error), STATUS_FAILED);
    if (!strstr(error.why, why))
        fail_msg("expected '%s', got '%s'", why, error.why);
}

static void begin_good(void)
{
    begin_foreign(H5T_VARIABLE, H5T_STR_NULLTERM, GOOD);
    add_tokens(H5T_VARIABLE, H5T_STR_NULLTERM);
}

static void test_refused_formats(void **state)
{
    (void)state;
    static const struct {
        enum format format;
        const char *why;
    } cases[] = {
        {NO_FORMAT, "another program"},
        {OTHER_FORMAT, "its format is netcdf"},
        {OTHER_VERSION, "its format version is 2, and this program reads version 1"},
        {FORMAT_IS_NUMBER, "format of / is not a text"},
        {VERSION_IS_TEXT, "format_version of / is not a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin_foreign(9, H5T_STR_NULLTERM, cases[i].format);
        expect_refusal(cases[i].why);
    }
}

static void test_hostile_files(void **state)
{
    (void)state;
    begin_good();
    expect_refusal("it has no /model");

    begin_foreign(9, H5T_STR_NULLTERM, GOOD);
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    expect_refusal("it has no /vocabulary/token");

    begin_good();
    dataset("/model/b", H5T_STD_I32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    expect_refusal("/model/b is not an array of real numbers");

    begin_good(); /* 2^62 elements; HDF5 writes nothing of them */
    dataset("/model/b", H5T_IEEE_F32LE, 1, (hsize_t)1 << 60, 0, H5T_NATIVE_DOUBLE, NULL);
    expect_refusal("not in the file");

    begin_good(); /* a link that leads to itself, below a group that contains itself */
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    H5Lcreate_hard(foreign, "/model", foreign, "/model/again", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/config", foreign, "/config", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/", foreign, "/progress", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(foreign);
    struct error error;
    assert_int_equal(try_open(CHECKPOINT_MODEL, &error), STATUS_OK);

    begin_good(); /* datasets where groups belong */
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    dataset("/metrics", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    expect_refusal("/metrics/epoch");

    begin_good();
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    dataset("/checksum/model/b", H5T_STD_U64LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    expect_refusal("/checksum/model/b is not a list of 1 checksums");

    begin_good();
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    dataset("/checksum/model/b", H5T_STD_U64LE, 1, 1, 0, H5T_NATIVE_DOUBLE, numbers);
    expect_refusal("its data is damaged: /model/b, block 1 of 1");
}

static void test_attributes_of_wrong_types(void **state)
{
    (void)state;
    struct error error;
    short small = 7;
    signed char truth = 1;
    struct pair {
        int a, b;
    } both = {1, 2};
    hid_t compound = H5Tcreate(H5T_COMPOUND, sizeof both);
    H5Tinsert(compound, "a", offsetof(struct pair, a), H5T_NATIVE_INT);
    hid_t boolean = H5Tenum_create(H5T_NATIVE_SCHAR);
    H5Tenum_insert(boolean, "TRUE", &truth);

    begin_good();
    dataset("/model/b", H5T_IEEE_F32LE, 1, 2, 0, H5T_NATIVE_DOUBLE, numbers);
    H5Gclose(H5Gcreate2(foreign, "/config", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put("/config", "batch_size", H5T_NATIVE_SHORT, &small);
    put("/config", "quiet", boolean, &truth);
    put("/config", "lr", H5T_NATIVE_DOUBLE, &numbers[3]);
    H5Fclose(foreign);
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_MODEL, &error), STATUS_OK);
    assert_int_equal(checkpoint->saved_count, 3);
    assert_string_equal(checkpoint->saved[0].name, "batch_size");
    assert_string_equal(checkpoint->saved[0].text, "7");
    assert_string_equal(checkpoint->saved[1].text, "0.001");
    assert_string_equal(checkpoint->saved[2].text, "1");
    checkpoint_close(checkpoint);

    foreign = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    put("/config", "seed", compound, &both);
    expect_refusal("the attribute seed of /config is neither a text nor a number");
    H5Tclose(compound);
    H5Tclose(boolean);
}

static void remove_fields(enum progress_since oldest, const char *but)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    for (size_t i = 0; i < progress_field_count; i++) {
        const struct progress_field *field = &progress_fields[i];
        if (field->since >= oldest && strcmp(field->name, but) != 0)
            assert_true(H5Adelete_by_name(file, "/progress", field->name, H5P_DEFAULT) >= 0);
    }
    H5Fclose(file);
}

static struct progress progress_of_file(void)
{
    struct error error;
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_RUN, &error), STATUS_OK);
    struct progress progress = checkpoint->progress;
    checkpoint_close(checkpoint);
    return progress;
}

static void test_files_of_earlier_versions(void **state)
{
    (void)state;
    write_sample(7);
    struct progress expected = progress_of_file();
    remove_fields(PROGRESS_VALIDATION, "");
    expected.rate_factor = 1;
    expected.best_valid_perplexity = 0;
    expected.best_update = 0;
    expected.best_optimizer_updates = 0;
    expected.intervals_since_best = 0;
    struct progress found = progress_of_file();
    assert_memory_equal(&found, &expected, sizeof found);
    write_sample(7);
    remove_fields(PROGRESS_OPTIMIZERS, "");
    expected.optimizer_updates = expected.update;
    found = progress_of_file();
    assert_true(isnan(found.rate));
    found.rate = expected.rate;
    assert_memory_equal(&found, &expected, sizeof found);
}

/* What a version stores is all there, or the file is not whole. */
static void test_fields_that_lack(void **state)
{
    (void)state;
    for (size_t i = 0; i < progress_field_count; i++) {
        struct error error = {0};
        const char *name = progress_fields[i].name;
        write_sample(7);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        assert_true(H5Adelete_by_name(file, "/progress", name, H5P_DEFAULT) >= 0);
        H5Fclose(file);
        assert_int_equal(try_open(CHECKPOINT_RUN, &error), STATUS_FAILED);
        assert_non_null(strstr(error.why, name));
        assert_int_equal(try_open(CHECKPOINT_MODEL, &error), STATUS_OK);
    }
    struct error error = {0};
    write_sample(7);
    remove_fields(PROGRESS_OPTIMIZERS, "intervals_since_best");
    assert_int_equal(try_open(CHECKPOINT_RUN, &error), STATUS_FAILED);
}

/* Neither the good files nor the bad ones left an object of HDF5's open. */
static void test_nothing_left_open(void **state)
{
    (void)state;
    assert_int_equal(
        H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_FILE | H5F_OBJ_DATASET | H5F_OBJ_GROUP | H5F_OBJ_ATTR), 0);
}

int main(void)
{
    struct error error;
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_gaps, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_flipped_bits, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_cut_short, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_replace, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_tensor_that_does_not_fit, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_foreign_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_refused_formats, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_hostile_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_attributes_of_wrong_types, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_files_of_earlier_versions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_fields_that_lack, make_folder, remove_folder),
        cmocka_unit_test(test_nothing_left_open),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
