#ifndef LSTM_MPI_STORE_SAFETENSORS_HEADER_H
#define LSTM_MPI_STORE_SAFETENSORS_HEADER_H

/* Private to this room: the header of a safetensors file. The file is
 *
 *     | length of the header: 8 bytes, little-endian | header: JSON | data of all tensors, without gaps |
 *
 * The header is an object. A tensor's name leads to its dtype, its shape, and the offsets of its first byte
 * and of the one behind its last, from the start of the data. The name __metadata__ leads to an object of
 * texts. (https://github.com/huggingface/safetensors) */

#include "lstm_mpi/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_LENGTH_BYTES = 8, SAFETENSORS_MAX_DIMS = 2 };

/* No reader takes a longer header. */
#define SAFETENSORS_HEADER_LIMIT ((uint64_t)100000000)

struct safetensors_tensor {
    const char *name; /* a view */
    size_t dims[SAFETENSORS_MAX_DIMS];
    size_t dim_count;
    size_t element_bytes; /* 4: float32, 8: float64 */
    uint64_t begin;       /* in the data */
    uint64_t end;
};

struct json_t;

struct safetensors_header {
    struct json_t *root;                /* owns the texts */
    struct safetensors_tensor *tensors; /* in the order of their data */
    size_t count;
    uint64_t data_offset; /* in the file */
};

/* Reads the header of an open file, `path` being its name for errors, and checks it: what it says of the
 * tensors is whole and right for the length of the file. The caller owns what the header holds, after a
 * failure too: safetensors_header_free. */
MUST_CHECK enum status safetensors_header_read(struct safetensors_header *header, int descriptor,
                                               const char *path, struct error *error);

/* The same for a header in memory, in front of `data_bytes` of data. */
MUST_CHECK enum status safetensors_header_parse(struct safetensors_header *header, const char *text,
                                                size_t bytes, uint64_t data_bytes, const char *path,
                                                struct error *error);

/* Bytes of the file from `offset` on, which must be there. */
MUST_CHECK enum status safetensors_header_read_bytes(int descriptor, void *out, size_t bytes, uint64_t offset,
                                                     const char *path, struct error *error);

void safetensors_header_free(struct safetensors_header *header);

/* NULL where there is no tensor of this name. */
const struct safetensors_tensor *safetensors_header_find(const struct safetensors_header *header,
                                                         const char *name);

/* A text of the metadata; NULL where there is none. A view. */
const char *safetensors_header_metadata(const struct safetensors_header *header, const char *key);

/* A name from a file, fit to stand in an error. */
enum { SAFETENSORS_SHOWN_BYTES = 80 };
void safetensors_header_show(char shown[SAFETENSORS_SHOWN_BYTES], const char *name);

/* The beginning of a file with these tensors of float32, whose data stand in the order of the list: the
 * length and the header, padded to a multiple of 8 bytes. `metadata` holds texts, and becomes the header's.
 * Begin and end of the tensors are filled in. The caller frees `*text`: memory_free. */
MUST_CHECK enum status safetensors_header_make(char **text, size_t *bytes, struct safetensors_tensor *tensors,
                                               size_t count, struct json_t *metadata, struct error *error);

#endif
