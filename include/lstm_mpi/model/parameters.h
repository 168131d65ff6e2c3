#ifndef LSTM_MPI_MODEL_PARAMETERS_H
#define LSTM_MPI_MODEL_PARAMETERS_H

/* All weights lie in one flat buffer of float32, and so do their gradients and the optimizer's states, in
 * the same layout:
 *
 *     | layer0/W_h | layer0/b | … | output/W | output/b | layer0/W_x | layer0/reverse/W_x     |
 *       dense: every update touches all of it             row tables, of a row for each token:
 *                                                         an update touches only those rows
 *                                                         whose tokens occur in its batch
 *
 * With an embedding, embedding/W is the row table, and every W_x is dense. Tied to the output layer it has a
 * gradient everywhere: it is dense, and there is no row table.
 *
 * Every tensor begins at a multiple of PARAMETERS_ALIGNMENT floats; what lies between stays zero. Whoever
 * sums, clips, updates or digests sees floats; whoever writes, shows or tests sees the table. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/model/model_spec.h"

#include <stddef.h>

enum {
    PARAMETERS_ALIGNMENT = 16,
    PARAMETER_PATH_BYTES = 48,
    PARAMETER_MAX_COUNT = 4 * MODEL_MAX_DIRECTIONS * MODEL_MAX_LAYERS + 3,
};

enum parameter_kind {
    PARAMETER_CELL_WEIGHT,
    PARAMETER_CELL_BIAS,
    PARAMETER_OUTPUT_WEIGHT,
    PARAMETER_OUTPUT_BIAS,
    PARAMETER_EMBEDDING,
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
    size_t dense_size;      /* floats before the first row table */
    size_t row_table_count; /* 0 to 2, the last tensors of the table; their shapes are the same */
    size_t row_size;        /* floats of a token's rows of all row tables together */
    size_t token_row_size;  /* the same, and where there is no row table, of a token's row of the embedding */
    size_t size;            /* floats of a buffer */
    size_t hidden_size;
    size_t output_width; /* what goes into the output layer */
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

/* The same for a tensor ("W_h") of one direction of a layer. */
const struct parameter *parameters_find_in_layer(const struct parameters *parameters, size_t layer,
                                                 bool reverse, const char *name);

/* A row table, by its number. A view. */
const struct parameter *parameters_row_table(const struct parameters *parameters, size_t number);

#endif
