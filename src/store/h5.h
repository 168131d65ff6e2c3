#ifndef LSTM_MPI_STORE_H5_H
#define LSTM_MPI_STORE_H5_H

/* Private to this room: HDF5 with checked calls. An h5 is one file at work. The first error sticks: every
 * later call does nothing, so a sequence of calls is checked once, by h5_close or h5_status. Objects are
 * named by their path in the file. HDF5 prints nothing; what it has to say goes into the error's `why`.
 *
 * Files are written with metadata that HDF5 checksums itself, all of it in object headers, and without gaps:
 * every byte of a file is covered either by those checksums or lies in a dataset. */

#include "lstm_mpi/base/error.h"

/* As in HDF5 1.10, whatever the version. */
#define H5_USE_110_API
#include <hdf5.h>
#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H5_MAX_DIMS = 3, H5_PATH_BYTES = 256 };

struct h5 {
    hid_t file;
    const char *path;  /* a view */
    const char *doing; /* begins every error: "cannot write", "cannot read" */
    bool shared;       /* open for all ranks */
    int memory;        /* of a new file: the descriptor of its bytes, in memory; -1 for others */
    enum status status;
    struct error *error;
};

/* Makes a new file. But for its first few bytes it lies in memory, for HDF5 1.10 does not survive a file that
 * cannot be written when it is closed: it crashes when MPI ends. After h5_close the file's bytes are in
 * `memory`, with holes where no data was written; durable_file_fill brings them to the disk, h5_forget frees
 * them. */
void h5_create(struct h5 *h5, const char *path, struct error *error);
void h5_forget(struct h5 *h5);

/* Opens a file. `path` must outlive it. After a failure too, h5_close must follow. */
void h5_open(struct h5 *h5, const char *path, struct error *error);
/* For writing into existing datasets, by all ranks of the communicator. Collective. */
void h5_open_shared(struct h5 *h5, const char *path, MPI_Comm comm, struct error *error);

/* Closes, and returns the first error of all calls. Collective where the file is shared. */
MUST_CHECK enum status h5_close(struct h5 *h5);

/* Bytes of the file. */
uint64_t h5_size(struct h5 *h5);

/* Makes an error with this reason, unless there is one. The second adds what HDF5 says of the call that just
 * failed; no other HDF5 call may lie between. Where that was to write, the process cannot end MPI as usual
 * any more, and the error says that communication is broken. Both return the first error's status. */
enum status h5_fail(struct h5 *h5, const char *why, ...) __attribute__((format(printf, 2, 3)));
enum status h5_fail_in(struct h5 *h5, const char *object);

/* Writing. `object` is a group or dataset. Datasets are contiguous, their room is taken at once. Groups on
 * the way to a new object are made where they are missing. */
void h5_make_group(struct h5 *h5, const char *path);
void h5_make_dataset(struct h5 *h5, const char *path, hid_t type, const size_t *dims, size_t dim_count);
void h5_write_all(struct h5 *h5, const char *path, hid_t memory_type, const void *data);
void h5_put_text(struct h5 *h5, const char *object, const char *name, const char *text);
void h5_put_u64(struct h5 *h5, const char *object, const char *name, uint64_t value);
void h5_put_f64(struct h5 *h5, const char *object, const char *name, double value);
void h5_put_f64s(struct h5 *h5, const char *object, const char *name, const double *values, size_t count);

/* A fixed-length string type that holds `bytes` bytes and ends with a NUL; H5Tclose. */
hid_t h5_text_type(struct h5 *h5, size_t bytes, H5T_str_t padding);

/* Reading. Existence is not an error; everything else that does not fit is. */
bool h5_exists(struct h5 *h5, const char *path);
bool h5_has(struct h5 *h5, const char *object, const char *name);
uint64_t h5_read_u64(struct h5 *h5, const char *object, const char *name);
double h5_read_f64(struct h5 *h5, const char *object, const char *name);
/* Of an attribute with any number of elements; `*values` is the caller's: memory_free. */
void h5_read_f64s(struct h5 *h5, const char *object, const char *name, double **values, size_t *count);
/* NULL after a failure; else the caller's: memory_free. */
char *h5_read_text(struct h5 *h5, const char *object, const char *name);

/* A dataset that is open. An all-zero `id` of a failed h5 is fine for every function here. */
struct h5_dataset {
    hid_t id;
    const char *path; /* a view */
    H5T_class_t type_class;
    size_t dims[H5_MAX_DIMS];
    size_t dim_count;
    size_t element_bytes; /* in the file */
    uint64_t bytes;       /* all elements, in the file */
    bool contiguous;
    uint64_t offset_bytes; /* of a contiguous one, in the file; 0 where it has no bytes */
};
struct h5_dataset h5_open_dataset(struct h5 *h5, const char *path);
void h5_close_dataset(struct h5 *h5, struct h5_dataset *dataset);

/* All elements, converted to the type of memory. */
void h5_read_all(struct h5 *h5, const struct h5_dataset *dataset, hid_t memory_type, void *data);

/* The elements `first` … `first + count` in every dimension; float32 in memory, in C order. */
void h5_write_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first, const size_t *count,
                   const float *data);
void h5_read_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first, const size_t *count,
                  float *data);

/* All strings of a one-dimensional dataset, of fixed or variable length, padded in any way, each ended with
 * a NUL. The caller owns `*texts`, one block of memory: memory_free. */
void h5_read_texts(struct h5 *h5, const struct h5_dataset *dataset, char ***texts);

/* Calls `visit` with the path, from the root, of every dataset that a chain of hard links leads to, until it
 * sets an error. */
typedef void h5_visit(struct h5 *h5, const char *path, void *context);
void h5_read_dataset_paths(struct h5 *h5, h5_visit *visit, void *context);

/* Calls `visit` with the texts of every attribute: a string is one text, an array one for each element, and
 * numbers are written such that reading them gives the same number again. */
typedef void h5_visit_text(struct h5 *h5, const char *name, const char *text, void *context);
void h5_read_attributes(struct h5 *h5, const char *object, h5_visit_text *visit, void *context);

#endif
