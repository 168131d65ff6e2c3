#include "safetensors_header.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"

#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char metadata_key[] = "__metadata__";

static const struct {
    const char *name;
    size_t bytes;
} element_types[] = {{"F32", 4}, {"F64", 8}};

__attribute__((format(printf, 3, 4))) static enum status bad(const char *path, struct error *error,
                                                             const char *why, ...)
{
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(text, sizeof text, why, arguments);
    va_end(arguments);
    error_set(error, STATUS_FAILED, "cannot read %s", path);
    error_why(error, "%s", text);
    return error_remedy(error, "save it again, as safetensors");
}

void safetensors_header_show(char shown[SAFETENSORS_SHOWN_BYTES], const char *name)
{
    size_t count = strlen(name);
    size_t used = 0;
    while (count > 0 && used + UTF8_MAX_BYTES < SAFETENSORS_SHOWN_BYTES) {
        uint32_t code_point;
        size_t length = utf8_decode(&code_point, name, count);
        bool plain = length > 0 && code_point >= ' ' && code_point != 0x7F;
        length += length == 0;
        if (plain)
            memcpy(shown + used, name, length);
        else
            shown[used] = '?';
        used += plain ? length : 1;
        name += length;
        count -= length;
    }
    shown[used] = '\0';
}

/* A JSON number that counts something. */
static bool whole(uint64_t *value, const json_t *json)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *value = (uint64_t)json_integer_value(json);
    return true;
}

static enum status read_type(struct safetensors_tensor *tensor, const json_t *json, const char *shown,
                             const char *path, struct error *error)
{
    const char *type = json_string_value(json);
    if (!type)
        return bad(path, error, "the tensor %s has no dtype", shown);
    for (size_t i = 0; i < sizeof element_types / sizeof *element_types; i++)
        if (strcmp(type, element_types[i].name) == 0)
            tensor->element_bytes = element_types[i].bytes;
    if (tensor->element_bytes > 0)
        return STATUS_OK;
    char shown_type[SAFETENSORS_SHOWN_BYTES];
    safetensors_header_show(shown_type, type);
    bad(path, error, "the tensor %s is made of %s, and only F32 and F64 are read", shown, shown_type);
    return error_remedy(error, "convert the model with .float()");
}

/* `*elements` is their number. */
static enum status read_shape(struct safetensors_tensor *tensor, uint64_t *elements, const json_t *json,
                              const char *shown, const char *path, struct error *error)
{
    if (!json_is_array(json))
        return bad(path, error, "the tensor %s has no shape", shown);
    tensor->dim_count = json_array_size(json);
    if (tensor->dim_count > SAFETENSORS_MAX_DIMS)
        return bad(path, error, "the tensor %s has %zu dimensions, and none of a model has more than %d",
                   shown, tensor->dim_count, SAFETENSORS_MAX_DIMS);
    *elements = 1;
    for (size_t d = 0; d < tensor->dim_count; d++) {
        uint64_t dim;
        if (!whole(&dim, json_array_get(json, d)))
            return bad(path, error, "the shape of the tensor %s is not made of whole numbers", shown);
        if (__builtin_mul_overflow(*elements, dim, elements) || dim > SIZE_MAX)
            return bad(path, error, "the shape of the tensor %s is larger than any memory", shown);
        tensor->dims[d] = (size_t)dim;
    }
    return STATUS_OK;
}

static enum status read_offsets(struct safetensors_tensor *tensor, uint64_t elements, const json_t *json,
                                uint64_t data_bytes, const char *shown, const char *path, struct error *error)
{
    uint64_t bytes;
    if (!json_is_array(json) || json_array_size(json) != 2 ||
        !whole(&tensor->begin, json_array_get(json, 0)) || !whole(&tensor->end, json_array_get(json, 1)))
        return bad(path, error, "the data_offsets of the tensor %s are not two whole numbers", shown);
    if (tensor->begin > tensor->end)
        return bad(path, error, "the tensor %s ends before it begins", shown);
    if (tensor->end > data_bytes) {
        bad(path, error, "the tensor %s ends at byte %llu of the data, and there are %llu", shown,
            (unsigned long long)tensor->end, (unsigned long long)data_bytes);
        return error_remedy(error, "the file was cut short: copy it again");
    }
    if (__builtin_mul_overflow(elements, (uint64_t)tensor->element_bytes, &bytes) ||
        bytes != tensor->end - tensor->begin)
        return bad(path, error, "the tensor %s has %llu bytes of data, which is not what its shape needs",
                   shown, (unsigned long long)(tensor->end - tensor->begin));
    return STATUS_OK;
}

static enum status read_tensor(struct safetensors_tensor *tensor, const char *name, const json_t *json,
                               uint64_t data_bytes, const char *path, struct error *error)
{
    enum status status;
    char shown[SAFETENSORS_SHOWN_BYTES];
    uint64_t elements = 0;
    safetensors_header_show(shown, name);
    *tensor = (struct safetensors_tensor){.name = name};
    if (!json_is_object(json))
        return bad(path, error, "what its header says of the tensor %s is no object", shown);
    TRY(read_type(tensor, json_object_get(json, "dtype"), shown, path, error));
    TRY(read_shape(tensor, &elements, json_object_get(json, "shape"), shown, path, error));
    TRY(read_offsets(tensor, elements, json_object_get(json, "data_offsets"), data_bytes, shown, path,
                     error));
done:
    return status;
}

static enum status check_metadata(const json_t *metadata, const char *path, struct error *error)
{
    const char *key;
    const json_t *value;
    if (!json_is_object(metadata))
        return bad(path, error, "the metadata in its header is no object");
    json_object_foreach((json_t *)metadata, key, value)
    {
        char shown[SAFETENSORS_SHOWN_BYTES];
        safetensors_header_show(shown, key);
        if (!json_is_string(value))
            return bad(path, error, "%s in its metadata is no text", shown);
    }
    return STATUS_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct safetensors_tensor *left = a;
    const struct safetensors_tensor *right = b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return (left->end > right->end) - (left->end < right->end);
}

/* Sorts the tensors by their place; every byte of the data must belong to exactly one. */
static enum status check_places(const struct safetensors_header *header, uint64_t data_bytes,
                                const char *path, struct error *error)
{
    uint64_t end = 0;
    char shown[SAFETENSORS_SHOWN_BYTES] = "";
    qsort(header->tensors, header->count, sizeof *header->tensors, by_place);
    for (size_t t = 0; t < header->count; t++) {
        const struct safetensors_tensor *tensor = &header->tensors[t];
        char before[SAFETENSORS_SHOWN_BYTES];
        memcpy(before, shown, sizeof before);
        safetensors_header_show(shown, tensor->name);
        if (tensor->begin < end)
            return bad(path, error, "the data of the tensors %s and %s overlap", before, shown);
        if (tensor->begin > end)
            return bad(path, error, "%llu bytes in front of the data of the tensor %s belong to no tensor",
                       (unsigned long long)(tensor->begin - end), shown);
        end = tensor->end;
    }
    if (end != data_bytes)
        return bad(path, error, "%llu bytes at its end belong to no tensor",
                   (unsigned long long)(data_bytes - end));
    return STATUS_OK;
}

static enum status read_tensors(struct safetensors_header *header, uint64_t data_bytes, const char *path,
                                struct error *error)
{
    enum status status = STATUS_OK;
    const char *name;
    const json_t *value;
    TRY(memory_new(&header->tensors, json_object_size(header->root), error));
    json_object_foreach(header->root, name, value)
    {
        if (strcmp(name, metadata_key) == 0) {
            TRY(check_metadata(value, path, error));
        } else {
            TRY(read_tensor(&header->tensors[header->count], name, value, data_bytes, path, error));
            header->count++;
        }
    }
    TRY(check_places(header, data_bytes, path, error));
done:
    return status;
}

enum status safetensors_header_parse(struct safetensors_header *header, const char *text, size_t bytes,
                                     uint64_t data_bytes, const char *path, struct error *error)
{
    json_error_t reason;
    *header = (struct safetensors_header){.data_offset = SAFETENSORS_LENGTH_BYTES + (uint64_t)bytes};
    header->root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &reason);
    if (!header->root) {
        char shown[SAFETENSORS_SHOWN_BYTES];
        safetensors_header_show(shown, reason.text);
        return bad(path, error, "its header is no good JSON at byte %d: %s", reason.position, shown);
    }
    if (!json_is_object(header->root))
        return bad(path, error, "its header is no object of tensors");
    return read_tensors(header, data_bytes, path, error);
}

enum status safetensors_header_read_bytes(int descriptor, void *out, size_t bytes, uint64_t offset,
                                          const char *path, struct error *error)
{
    char *next = out;
    while (bytes > 0) {
        ssize_t got = pread(descriptor, next, bytes, (off_t)offset);
        if (got < 0 && errno != EINTR)
            return error_system(error, errno, "cannot read %s", path);
        if (got == 0)
            return bad(path, error, "it became shorter while it was read");
        if (got > 0) {
            next += got;
            offset += (uint64_t)got;
            bytes -= (size_t)got;
        }
    }
    return STATUS_OK;
}

/* What the first bytes and the length of the file allow. */
static enum status check_length(uint64_t length, uint64_t file_bytes, const char *path, struct error *error)
{
    if (length > file_bytes - SAFETENSORS_LENGTH_BYTES)
        return bad(path, error, "its header would have %llu bytes, and the file has %llu",
                   (unsigned long long)length, (unsigned long long)file_bytes);
    if (length > SAFETENSORS_HEADER_LIMIT)
        return bad(path, error, "its header has %llu bytes, and no more than %llu are read",
                   (unsigned long long)length, (unsigned long long)SAFETENSORS_HEADER_LIMIT);
    return STATUS_OK;
}

enum status safetensors_header_read(struct safetensors_header *header, int descriptor, const char *path,
                                    struct error *error)
{
    enum status status;
    struct stat facts;
    uint64_t length;
    char *text = NULL;
    *header = (struct safetensors_header){0};
    if (fstat(descriptor, &facts) != 0)
        return error_system(error, errno, "cannot read %s", path);
    if (!S_ISREG(facts.st_mode))
        return bad(path, error, "it is no file");
    if (facts.st_size < SAFETENSORS_LENGTH_BYTES)
        return bad(path, error, "it has %lld bytes, which is too short for a safetensors file",
                   (long long)facts.st_size);
    TRY(safetensors_header_read_bytes(descriptor, &length, sizeof length, 0, path, error));
    length = le64toh(length);
    TRY(check_length(length, (uint64_t)facts.st_size, path, error));
    TRY(memory_new(&text, (size_t)length, error));
    TRY(safetensors_header_read_bytes(descriptor, text, (size_t)length, SAFETENSORS_LENGTH_BYTES, path,
                                      error));
    TRY(safetensors_header_parse(header, text, (size_t)length,
                                 (uint64_t)facts.st_size - SAFETENSORS_LENGTH_BYTES - length, path, error));
done:
    memory_free(text);
    return status;
}

void safetensors_header_free(struct safetensors_header *header)
{
    json_decref(header->root);
    memory_free(header->tensors);
    *header = (struct safetensors_header){0};
}

const struct safetensors_tensor *safetensors_header_find(const struct safetensors_header *header,
                                                         const char *name)
{
    for (size_t t = 0; t < header->count; t++)
        if (strcmp(header->tensors[t].name, name) == 0)
            return &header->tensors[t];
    return NULL;
}

const char *safetensors_header_metadata(const struct safetensors_header *header, const char *key)
{
    return json_string_value(json_object_get(json_object_get(header->root, metadata_key), key));
}

static json_t *describe(const struct safetensors_tensor *tensor)
{
    json_t *shape = json_array();
    bool failed = false;
    for (size_t d = 0; d < tensor->dim_count; d++)
        failed |= json_array_append_new(shape, json_integer((json_int_t)tensor->dims[d])) != 0;
    json_t *object = json_pack("{s:s, s:o, s:[I, I]}", "dtype", element_types[0].name, "shape", shape,
                               "data_offsets", (json_int_t)tensor->begin, (json_int_t)tensor->end);
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* The header's JSON; NULL for want of memory. Takes the metadata. */
static char *format_header(struct safetensors_tensor *tensors, size_t count, json_t *metadata)
{
    json_t *root = json_object();
    uint64_t end = 0;
    bool failed = json_object_set_new(root, metadata_key, metadata) != 0;
    for (size_t t = 0; t < count; t++) {
        struct safetensors_tensor *tensor = &tensors[t];
        uint64_t elements = 1;
        for (size_t d = 0; d < tensor->dim_count; d++)
            elements *= tensor->dims[d];
        tensor->element_bytes = element_types[0].bytes;
        tensor->begin = end;
        tensor->end = end + elements * tensor->element_bytes;
        end = tensor->end;
        failed |= json_object_set_new(root, tensor->name, describe(tensor)) != 0;
    }
    char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

enum status safetensors_header_make(char **text, size_t *bytes, struct safetensors_tensor *tensors,
                                    size_t count, struct json_t *metadata, struct error *error)
{
    enum status status;
    *text = NULL;
    char *json = format_header(tensors, count, metadata);
    if (!json) {
        status = error_set(error, STATUS_FAILED, "out of memory");
        error->short_of_memory = true;
        goto done;
    }
    size_t used = strlen(json);
    size_t padded = divide_up(used, SAFETENSORS_LENGTH_BYTES) * SAFETENSORS_LENGTH_BYTES;
    if (padded > SAFETENSORS_HEADER_LIMIT) {
        error_set(error, STATUS_FAILED, "cannot export the vocabulary");
        error_why(error, "the header would have %zu bytes, and readers take %llu at most", padded,
                  (unsigned long long)SAFETENSORS_HEADER_LIMIT);
        status = error_remedy(error, "train with fewer tokens");
        goto done;
    }
    uint64_t length = htole64(padded);
    *bytes = SAFETENSORS_LENGTH_BYTES + padded;
    TRY(memory_new(text, *bytes, error));
    memset(*text, ' ', *bytes);
    memcpy(*text, &length, sizeof length);
    memcpy(*text + SAFETENSORS_LENGTH_BYTES, json, used);
done:
    free(json);
    return status;
}
