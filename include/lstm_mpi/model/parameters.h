#ifndef LSTM_MPI_MODEL_PARAMETERS_H
#define LSTM_MPI_MODEL_PARAMETERS_H

/* All weights lie in one flat buffer of float32, and so do their gradients and the optimizer's states, in
 * the same layout:
 *
 *     | layer0/W_h | layer0/b | output/W | output/b | layer0/W_x                          |
 *       dense: every update touches all of it          rows: an update touches only those
 *                                                      whose tokens occur in its batch
 *
 * Every tensor begins at a multiple of PARAMETERS_ALIGNMENT floats; what lies between stays zero. Whoever
 * sums, clips, updates or digests sees floats; whoever writes, shows or tests sees the table. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/model/model_spec.h"

#include <stddef.h>

enum { PARAMETERS_ALIGNMENT = 16, PARAMETER_PATH_BYTES = 48, PARAMETER_MAX_COUNT = 8 };

enum parameter_kind {
    PARAMETER_CELL_WEIGHT,
    PARAMETER_CELL_BIAS,
    PARAMETER_OUTPUT_WEIGHT,
    PARAMETER_OUTPUT_BIAS,
};

struct parameter {
    char path[PARAMETER_PATH_BYTES]; /* "layer0/W_x" */
    enum parameter_kind kind;
    size_t dims[2];
    size_t dim_count;
    size_t offset;     /* in floats, from the start of the buffer */
    const char *gates; /* names of the gate blocks of the last dimension, "i,f,o,c"; NULL: no gates */
};

struct parameters {
    struct parameter table[PARAMETER_MAX_COUNT];
    size_t count;
    size_t dense_size; /* floats before the first row table */
    size_t row_size;   /* floats of one row of the row table */
    size_t size;       /* floats of a buffer */
};

/* The layout for a network of this shape. Fails when its size overflows. */
MUST_CHECK enum status parameters_layout(struct parameters *parameters, const struct model_spec *spec,
                                         struct error *error);

/* Floats of one tensor. */
size_t parameters_tensor_size(const struct parameter *parameter);

/* How many numbers the network learns (without the padding). */
size_t parameters_learned(const struct parameters *parameters);

/* The row of the table with this path, NULL if there is none. A view. */
const struct parameter *parameters_find(const struct parameters *parameters, const char *path);

#endif
