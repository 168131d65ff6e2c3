#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "safetensors_header.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static enum status parse(const char *text, size_t bytes, uint64_t data_bytes, struct error *error)
{
    struct safetensors_header header;
    enum status status = safetensors_header_parse(&header, text, bytes, data_bytes, "a.safetensors", error);
    safetensors_header_free(&header);
    return status;
}

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_reads_what_is_there(void **state)
{
    (void)state;
    struct error error;
    struct safetensors_header header;
    static const char text[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("b", "F64", "[2]", "[24,40]") "," TENSOR(
            "a", "F32", "[2,3]", "[0,24]") "," TENSOR("none", "F32", "[0,3]", "[40,40]") "}  ";
    assert_int_equal(safetensors_header_parse(&header, text, sizeof text - 1, 40, "x", &error), STATUS_OK);
    assert_int_equal(header.count, 3);
    assert_int_equal(header.data_offset, 8 + sizeof text - 1);
    const struct safetensors_tensor *a = safetensors_header_find(&header, "a");
    assert_ptr_equal(a, &header.tensors[0]);
    assert_int_equal(a->dim_count, 2);
    assert_int_equal(a->dims[1], 3);
    assert_int_equal(a->element_bytes, 4);
    assert_int_equal(safetensors_header_find(&header, "b")->element_bytes, 8);
    assert_null(safetensors_header_find(&header, "c"));
    assert_string_equal(safetensors_header_metadata(&header, "format"), "pt");
    assert_null(safetensors_header_metadata(&header, "vocabulary"));
    safetensors_header_free(&header);
}

static const struct {
    const char *text;
    uint64_t data_bytes;
    const char *why;
} bad_headers[] = {
    {"", 0, "no good JSON"},
    {"   ", 0, "no good JSON"},
    {"[]", 0, "no object of tensors"},
    {"17", 0, "no good JSON"},
    {"{}", 4, "4 bytes at its end belong to no tensor"},
    {"{} x", 0, "no good JSON"},
    {"{\"a\xFF\":1}", 0, "no good JSON"},
    {"{\"a\":\"\\ud800\"}", 0, "no good JSON"},
    {"{\"a\":1,\"a\":1}", 0, "duplicate object key"},
    {"{\"a\":1}", 0, "the tensor a is no object"},
    {"{\"a\n\x01\x7f\":1}", 0, "no good JSON"},
    {"{\"\\u0007bell\":1}", 0, "the tensor ?bell is no object"},
    {"{\"a\":{}}", 0, "the tensor a has no dtype"},
    {"{\"a\":{\"dtype\":7}}", 0, "the tensor a has no dtype"},
    {"{" TENSOR("a", "F16", "[1]", "[0,2]") "}", 2, "is made of F16"},
    {"{" TENSOR("a", "I64", "[1]", "[0,8]") "}", 8, "is made of I64"},
    {"{" TENSOR("a", "f32", "[1]", "[0,4]") "}", 4, "is made of f32"},
    {"{" TENSOR("a", "F32", "4", "[0,4]") "}", 4, "the tensor a has no shape"},
    {"{" TENSOR("a", "F32", "[1,1,1]", "[0,4]") "}", 4, "has 3 dimensions"},
    {"{" TENSOR("a", "F32", "[1.0]", "[0,4]") "}", 4, "not made of whole numbers"},
    {"{" TENSOR("a", "F32", "[-1]", "[0,4]") "}", 4, "not made of whole numbers"},
    {"{" TENSOR("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "not made of whole numbers"},
    {"{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "larger than any memory"},
    {"{" TENSOR("a", "F32", "[9223372036854775807,2]", "[0,4]") "}", 4, "which is not what its shape needs"},
    {"{" TENSOR("a", "F32", "[4611686018427387905]", "[0,4]") "}", 4, "which is not what its shape needs"},
    {"{" TENSOR("a", "F32", "[99999999999999999999]", "[0,4]") "}", 4, "no good JSON"},
    {"{" TENSOR("a", "F32", "[1]", "[0]") "}", 4, "not two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4,8]") "}", 4, "not two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "[-4,0]") "}", 4, "not two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "{}") "}", 4, "not two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "[4,0]") "}", 4, "ends before it begins"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 3, "ends at byte 4 of the data, and there are 3"},
    {"{" TENSOR("a", "F32", "[1]", "[9223372036854775803,9223372036854775807]") "}", 4, "and there are 4"},
    {"{" TENSOR("a", "F32", "[2]", "[0,4]") "}", 4, "4 bytes of data, which is not what its shape needs"},
    {"{" TENSOR("a", "F64", "[1]", "[0,4]") "}", 4, "which is not what its shape needs"},
    {"{" TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "4 bytes in front of the data of the tensor a"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[0,4]") "}", 4, "overlap"},
    {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[4,12]") "}", 12,
     "a and b overlap"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[8,12]") "}", 12,
     "4 bytes in front of the data of the tensor b"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 9, "5 bytes at its end belong to no tensor"},
    {"{\"__metadata__\":[]}", 0, "the metadata in its header is no object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "k in its metadata is no text"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate object key"},
};

static void check_error(const struct error *error, const char *why, const char *text)
{
    assert_int_equal(error->status, STATUS_FAILED);
    assert_string_equal(error->what, "cannot read a.safetensors");
    if (!strstr(error->why, why) || strchr(error->why, '\n'))
        fail_msg("%s gives: %s", text, error->why);
}

static void test_names_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        struct error error;
        const char *text = bad_headers[i].text;
        if (parse(text, strlen(text), bad_headers[i].data_bytes, &error) == STATUS_OK)
            fail_msg("%s is taken", text);
        check_error(&error, bad_headers[i].why, text);
    }
}

static void test_survives_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    struct error error;
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    assert_int_equal(parse(text, DEPTH, 0, &error), STATUS_FAILED);
    check_error(&error, "no good JSON", "[[[[…");
    for (size_t i = 0; i + 5 < DEPTH; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    assert_int_equal(parse(text, DEPTH, 0, &error), STATUS_FAILED);
    check_error(&error, "no good JSON", "{\"a\":{\"a\":…");
    free(text);
}

/* The beginning of a file: its length field, then as many bytes. */
static enum status read_file(uint64_t length, const char *text, size_t bytes, struct error *error)
{
    char folder[TEMPORARY_PATH_BYTES];
    char path[TEMPORARY_PATH_BYTES + 8];
    char data[256];
    struct safetensors_header header;
    temporary_folder_make(folder);
    snprintf(path, sizeof path, "%s/a", folder);
    memcpy(data, &length, sizeof length);
    memcpy(data + sizeof length, text, bytes);
    temporary_file_write(path, data, sizeof length + bytes);
    int file = open(path, O_RDONLY);
    enum status status = safetensors_header_read(&header, file, "a.safetensors", error);
    close(file);
    safetensors_header_free(&header);
    temporary_folder_remove(folder);
    return status;
}

static void test_length_of_the_header(void **state)
{
    (void)state;
    struct error error;
    static const uint64_t too_long[] = {
        3,         1000, SAFETENSORS_HEADER_LIMIT + 1, (uint64_t)1 << 62, (uint64_t)1 << 63, UINT64_MAX - 7,
        UINT64_MAX};
    assert_int_equal(read_file(2, "{}", 2, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        assert_int_equal(read_file(too_long[i], "{}", 2, &error), STATUS_FAILED);
        check_error(&error, "and the file has 10", "a header too long");
    }
    assert_int_equal(read_file(0, "", 0, &error), STATUS_FAILED);
    check_error(&error, "no good JSON", "an empty header");
    int nothing = open("/dev/null", O_RDONLY);
    struct safetensors_header header;
    assert_int_equal(safetensors_header_read(&header, nothing, "a.safetensors", &error), STATUS_FAILED);
    check_error(&error, "it is no file", "/dev/null");
    close(nothing);
}

static void test_limit_of_the_header(void **state)
{
    (void)state;
    char folder[TEMPORARY_PATH_BYTES];
    char path[TEMPORARY_PATH_BYTES + 8];
    struct error error;
    struct safetensors_header header;
    uint64_t length = SAFETENSORS_HEADER_LIMIT + 1;
    temporary_folder_make(folder);
    snprintf(path, sizeof path, "%s/a", folder);
    temporary_file_write(path, &length, sizeof length);
    assert_int_equal(truncate(path, (off_t)(length + sizeof length)), 0);
    int file = open(path, O_RDONLY);
    assert_int_equal(safetensors_header_read(&header, file, "a.safetensors", &error), STATUS_FAILED);
    check_error(&error, "no more than 100000000 are read", "a huge header");
    close(file);
    temporary_folder_remove(folder);
}

static void make(char **text, size_t *bytes)
{
    struct error error;
    struct safetensors_tensor tensors[] = {
        {.name = "first", .dims = {3, 5}, .dim_count = 2},
        {.name = "second", .dims = {7, 1}, .dim_count = 1},
    };
    json_t *metadata = json_pack("{s:s, s:s}", "format", "pt", "vocabulary", "[\"<unk>\", \"一\"]");
    assert_int_equal(safetensors_header_make(text, bytes, tensors, 2, metadata, &error), STATUS_OK);
    assert_int_equal(tensors[1].begin, 60);
    assert_int_equal(tensors[1].end, 88);
}

static void test_reads_what_it_makes(void **state)
{
    (void)state;
    struct error error;
    struct safetensors_header header;
    char *text;
    size_t bytes;
    make(&text, &bytes);
    assert_int_equal(bytes % 8, 0);
    uint64_t length;
    memcpy(&length, text, sizeof length);
    assert_int_equal(length, bytes - 8);
    assert_int_equal(safetensors_header_parse(&header, text + 8, bytes - 8, 88, "x", &error), STATUS_OK);
    assert_int_equal(header.data_offset, bytes);
    assert_int_equal(safetensors_header_find(&header, "second")->dim_count, 1);
    assert_int_equal(safetensors_header_find(&header, "second")->dims[0], 7);
    assert_string_equal(safetensors_header_metadata(&header, "vocabulary"), "[\"<unk>\", \"一\"]");
    safetensors_header_free(&header);
    memory_free(text);
}

static uint64_t draw(uint64_t *next, uint64_t below)
{
    return random_bits(42, 0, (*next)++) % below;
}

/* One to four bytes are changed, taken out, put in twice, or replaced by such as JSON is made of. */
static size_t damage(char *copy, size_t bytes, uint64_t *next)
{
    static const char marks[] = "{}[]\",:0123456789-.eE\\u\x80\xff ";
    for (uint64_t times = 1 + draw(next, 4); times > 0 && bytes > 1; times--) {
        size_t at = (size_t)draw(next, bytes);
        switch (draw(next, 5)) {
        case 0:
            copy[at] = (char)draw(next, 256);
            break;
        case 1:
            copy[at] = marks[draw(next, sizeof marks - 1)];
            break;
        case 2:
            memmove(copy + at, copy + at + 1, --bytes - at);
            break;
        case 3:
            memmove(copy + at + 1, copy + at, bytes++ - at);
            break;
        default:
            bytes = draw(next, 20) == 0 ? at : bytes;
        }
    }
    return bytes;
}

static void test_survives_damage(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    char *text;
    size_t bytes;
    uint64_t next = 0;
    size_t refused = 0;
    make(&text, &bytes);
    char *copy = malloc(bytes + 8);
    assert_non_null(copy);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct error error = {0};
        memcpy(copy, text + 8, bytes - 8);
        size_t left = damage(copy, bytes - 8, &next);
        /* Memory of its own, so that the sanitizer sees a read behind its end. */
        char *exact = malloc(left);
        assert_non_null(exact);
        memcpy(exact, copy, left);
        if (parse(exact, left, 88, &error) != STATUS_OK) {
            refused++;
            check_error(&error, "", exact);
        }
        free(exact);
    }
    assert_in_range(refused, ROUNDS / 2, ROUNDS);
    free(copy);
    memory_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_is_there),   cmocka_unit_test(test_names_what_is_wrong),
        cmocka_unit_test(test_survives_deep_nesting), cmocka_unit_test(test_length_of_the_header),
        cmocka_unit_test(test_limit_of_the_header),   cmocka_unit_test(test_reads_what_it_makes),
        cmocka_unit_test(test_survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
