#include "h5.h"
#include "h5_call.h"
#include "lstm_mpi/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Attributes and strings */

enum { ATTRIBUTE_MAX_ELEMENTS = 1 << 20 };

/* An attribute, open: its type and number of elements. */
struct attribute {
    hid_t id;
    hid_t type;
    H5T_class_t class;
    size_t count;
};

static struct attribute open_attribute(struct h5 *h5, const char *object, const char *name)
{
    struct attribute attribute = {-1, -1, H5T_NO_CLASS, 0};
    if (h5->status != STATUS_OK)
        return attribute;
    attribute.id = H5Aopen_by_name(h5->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute.id < 0) {
        char text[ERROR_TEXT_BYTES];
        h5_library_text(text);
        h5_fail(h5, "the attribute %s of %s cannot be opened: %s", name, object, text);
    }
    attribute.type = CALL(H5Aget_type(attribute.id));
    attribute.class = (H5T_class_t)CALL(H5Tget_class(attribute.type));
    hid_t space = CALL(H5Aget_space(attribute.id));
    hssize_t count = CALL(H5Sget_simple_extent_npoints(space));
    h5_close_identifier(h5, space, object);
    if (count > ATTRIBUTE_MAX_ELEMENTS)
        h5_fail(h5, "the attribute %s of %s has %lld elements", name, object, (long long)count);
    attribute.count = h5->status == STATUS_OK ? (size_t)count : 0;
    return attribute;
}

static void close_attribute(struct h5 *h5, struct attribute *attribute, const char *object)
{
    h5_close_identifier(h5, attribute->type, object);
    h5_close_identifier(h5, attribute->id, object);
}

/* HDF5 makes integers of any width and byte order, and h5py's booleans, into each other. */
static bool is_whole(H5T_class_t class)
{
    return class == H5T_INTEGER || class == H5T_ENUM;
}

/* One number into `*value`, of the memory type. */
static void get_number(struct h5 *h5, const char *object, const char *name, bool whole, hid_t memory_type,
                       void *value)
{
    struct attribute attribute = open_attribute(h5, object, name);
    bool fits = is_whole(attribute.class) || (!whole && attribute.class == H5T_FLOAT);
    if (h5->status == STATUS_OK && (!fits || attribute.count != 1))
        h5_fail(h5, "the attribute %s of %s is not a %snumber", name, object, whole ? "whole " : "");
    CALL(H5Aread(attribute.id, memory_type, value));
    close_attribute(h5, &attribute, object);
}

uint64_t h5_read_u64(struct h5 *h5, const char *object, const char *name)
{
    uint64_t value = 0;
    get_number(h5, object, name, true, H5T_NATIVE_UINT64, &value);
    return value;
}

double h5_read_f64(struct h5 *h5, const char *object, const char *name)
{
    double value = 0.0;
    get_number(h5, object, name, false, H5T_NATIVE_DOUBLE, &value);
    return value;
}

void h5_read_f64s(struct h5 *h5, const char *object, const char *name, double **values, size_t *count)
{
    *values = NULL;
    *count = 0;
    struct attribute attribute = open_attribute(h5, object, name);
    if (h5->status == STATUS_OK && attribute.class != H5T_FLOAT)
        h5_fail(h5, "the attribute %s of %s is not made of real numbers", name, object);
    if (h5->status == STATUS_OK)
        h5->status = memory_new(values, attribute.count, h5->error);
    if (h5->status == STATUS_OK && attribute.count > 0)
        CALL(H5Aread(attribute.id, H5T_NATIVE_DOUBLE, *values));
    *count = attribute.count;
    close_attribute(h5, &attribute, object);
}

/* The length of a string in a field of `bytes` bytes, without its padding. A space by itself is kept: it is
 * a token. */
static size_t unpadded(const char *field, size_t bytes, H5T_str_t padding)
{
    if (padding == H5T_STR_NULLTERM)
        return strnlen(field, bytes);
    char pad = padding == H5T_STR_SPACEPAD ? ' ' : '\0';
    while (bytes > 0 && field[bytes - 1] == '\0')
        bytes--;
    while (bytes > (pad == ' ' ? 1 : 0) && field[bytes - 1] == pad)
        bytes--;
    return bytes;
}

typedef herr_t read_call(hid_t id, hid_t memory_type, void *data);

static herr_t read_attribute(hid_t id, hid_t memory_type, void *data)
{
    return H5Aread(id, memory_type, data);
}

static herr_t read_dataset(hid_t id, hid_t memory_type, void *data)
{
    return H5Dread(id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
}

/* One block of memory: `count` pointers, then the bytes that they point to. */
static char **text_block(struct h5 *h5, size_t count, size_t bytes)
{
    char *block = NULL;
    if (count > SIZE_MAX / 2 / sizeof(char *) || bytes > SIZE_MAX / 2)
        h5_fail(h5, "%zu texts are too many", count);
    else
        h5->status = memory_new(&block, count * sizeof(char *) + bytes, h5->error);
    return (char **)(void *)block;
}

static char **read_fixed(struct h5 *h5, const char *object, hid_t id, hid_t type, size_t count,
                         read_call *read)
{
    size_t stride = H5Tget_size(type);
    H5T_str_t padding = H5Tget_strpad(type);
    size_t bytes;
    if (stride == 0 || padding < 0 || __builtin_mul_overflow(count, stride + 1, &bytes)) {
        h5_fail(h5, "%s: its texts have no size", object);
        return NULL;
    }
    char **texts = text_block(h5, count, bytes);
    if (!texts)
        return NULL;
    char *field = (char *)(texts + count);
    if (count > 0)
        CALL(read(id, type, field));
    /* From the last on, every text moves up by one byte for each before it, to make room for its NUL. */
    for (size_t i = count; i-- > 0 && h5->status == STATUS_OK;) {
        size_t length = unpadded(field + i * stride, stride, padding);
        texts[i] = field + i * (stride + 1);
        memmove(texts[i], field + i * stride, length);
        texts[i][length] = '\0';
    }
    return texts;
}

static char **read_variable(struct h5 *h5, const char *object, hid_t id, hid_t type, size_t count,
                            read_call *read)
{
    char **pieces = NULL;
    char **texts = NULL;
    h5->status = memory_new(&pieces, count, h5->error);
    if (h5->status != STATUS_OK)
        return NULL;
    hsize_t extent = count;
    hid_t space = CALL(H5Screate_simple(1, &extent, NULL));
    bool read_them = count > 0 && CALL(read(id, type, pieces)) >= 0 && h5->status == STATUS_OK;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += pieces[i] ? strlen(pieces[i]) + 1 : 1;
    if (h5->status == STATUS_OK)
        texts = text_block(h5, count, bytes);
    if (texts) {
        char *end = (char *)(texts + count);
        for (size_t i = 0; i < count; i++) {
            texts[i] = end;
            size_t length = pieces[i] ? strlen(pieces[i]) : 0;
            if (length > 0)
                memcpy(end, pieces[i], length);
            end[length] = '\0';
            end += length + 1;
        }
    }
    if (read_them && H5Dvlen_reclaim(type, space, H5P_DEFAULT, pieces) < 0)
        h5_fail_in(h5, object);
    h5_close_identifier(h5, space, object);
    memory_free(pieces);
    return texts;
}

static char **read_strings(struct h5 *h5, const char *object, hid_t id, hid_t file_type, size_t count,
                           read_call *read)
{
    char **texts = NULL;
    hid_t type = CALL(H5Tget_native_type(file_type, H5T_DIR_DEFAULT));
    htri_t variable = (htri_t)CALL(H5Tis_variable_str(type));
    if (h5->status == STATUS_OK)
        texts = variable ? read_variable(h5, object, id, type, count, read)
                         : read_fixed(h5, object, id, type, count, read);
    h5_close_identifier(h5, type, object);
    return texts;
}

char *h5_read_text(struct h5 *h5, const char *object, const char *name)
{
    char *text = NULL;
    struct attribute attribute = open_attribute(h5, object, name);
    if (h5->status == STATUS_OK && (attribute.class != H5T_STRING || attribute.count != 1))
        h5_fail(h5, "the attribute %s of %s is not a text", name, object);
    char **texts = NULL;
    if (h5->status == STATUS_OK)
        texts = read_strings(h5, name, attribute.id, attribute.type, 1, read_attribute);
    if (h5->status == STATUS_OK)
        h5->status = memory_copy_text(&text, texts[0], h5->error);
    memory_free(texts);
    close_attribute(h5, &attribute, object);
    return text;
}

enum { NUMBER_TEXT_BYTES = 40 };

/* The shortest decimal that reads as the same number again. */
static void format_real(char text[NUMBER_TEXT_BYTES], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

struct attribute_visit {
    struct h5 *h5;
    const char *object;
    h5_visit_text *visit;
    void *context;
};

static void visit_numbers(const struct attribute_visit *visit, const char *name,
                          const struct attribute *attribute)
{
    struct h5 *h5 = visit->h5;
    const char *object = visit->object;
    union {
        double real;
        uint64_t natural;
        int64_t whole;
    } *values = NULL;
    bool real = attribute->class == H5T_FLOAT;
    bool natural = attribute->class == H5T_INTEGER && H5Tget_sign(attribute->type) == H5T_SGN_NONE;
    hid_t memory_type = real ? H5T_NATIVE_DOUBLE : natural ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
    h5->status = memory_new(&values, attribute->count, h5->error);
    if (attribute->count > 0)
        CALL(H5Aread(attribute->id, memory_type, values));
    for (size_t i = 0; i < attribute->count && h5->status == STATUS_OK; i++) {
        char text[NUMBER_TEXT_BYTES];
        if (real)
            format_real(text, values[i].real);
        else if (natural)
            snprintf(text, sizeof text, "%llu", (unsigned long long)values[i].natural);
        else
            snprintf(text, sizeof text, "%lld", (long long)values[i].whole);
        visit->visit(h5, name, text, visit->context);
    }
    memory_free(values);
}

static herr_t visit_attribute(hid_t location, const char *name, const H5A_info_t *info, void *context)
{
    (void)location;
    (void)info;
    const struct attribute_visit *visit = context;
    struct h5 *h5 = visit->h5;
    struct attribute attribute = open_attribute(h5, visit->object, name);
    if (h5->status == STATUS_OK && attribute.class == H5T_STRING) {
        char **texts = read_strings(h5, name, attribute.id, attribute.type, attribute.count, read_attribute);
        for (size_t i = 0; i < attribute.count && h5->status == STATUS_OK; i++)
            visit->visit(h5, name, texts[i], visit->context);
        memory_free(texts);
    } else if (h5->status == STATUS_OK && (is_whole(attribute.class) || attribute.class == H5T_FLOAT)) {
        visit_numbers(visit, name, &attribute);
    } else {
        h5_fail(h5, "the attribute %s of %s is neither a text nor a number", name, visit->object);
    }
    close_attribute(h5, &attribute, visit->object);
    return h5->status == STATUS_OK ? 0 : -1;
}

void h5_read_attributes(struct h5 *h5, const char *object, h5_visit_text *visit, void *context)
{
    struct attribute_visit wanted = {h5, object, visit, context};
    CALL(H5Aiterate_by_name(h5->file, object, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_attribute, &wanted,
                            H5P_DEFAULT));
}

/* Datasets */

void h5_read_all(struct h5 *h5, const struct h5_dataset *dataset, hid_t memory_type, void *data)
{
    const char *object = dataset->path;
    if (dataset->bytes > 0)
        CALL(H5Dread(dataset->id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
}

void h5_read_texts(struct h5 *h5, const struct h5_dataset *dataset, char ***texts)
{
    const char *object = dataset->path;
    *texts = NULL;
    if (h5->status == STATUS_OK && (dataset->type_class != H5T_STRING || dataset->dim_count != 1))
        h5_fail(h5, "%s is not a list of texts", object);
    hid_t type = CALL(H5Dget_type(dataset->id));
    if (h5->status == STATUS_OK)
        *texts = read_strings(h5, object, dataset->id, type, dataset->dims[0], read_dataset);
    h5_close_identifier(h5, type, object);
}

void h5_read_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first, const size_t *count,
                  float *data)
{
    const char *object = dataset->path;
    struct h5_selection selection = h5_select_slab(h5, dataset, first, count);
    CALL(H5Dread(dataset->id, H5T_NATIVE_FLOAT, selection.memory, selection.file, H5P_DEFAULT, data));
    h5_close_identifier(h5, selection.memory, object);
    h5_close_identifier(h5, selection.file, object);
}

struct dataset_visit {
    struct h5 *h5;
    h5_visit *visit;
    void *context;
};

static herr_t visit_object(hid_t location, const char *name, const H5O_info_t *info, void *context)
{
    (void)location;
    const struct dataset_visit *visit = context;
    struct h5 *h5 = visit->h5;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    char path[H5_PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "/%s", name) >= sizeof path)
        h5_fail(h5, "/%.64s… is too long a name", name);
    else
        visit->visit(h5, path, visit->context);
    return h5->status == STATUS_OK ? 0 : -1;
}

void h5_read_dataset_paths(struct h5 *h5, h5_visit *visit, void *context)
{
    static const char object[] = "its structure";
    struct dataset_visit wanted = {h5, visit, context};
    CALL(H5Ovisit(h5->file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &wanted));
}
