#ifndef LSTM_MPI_STORE_TORCH_LAYOUT_H
#define LSTM_MPI_STORE_TORCH_LAYOUT_H

/* Private to this room: the same network as tensors of a checkpoint and as a PyTorch state_dict.
 *
 * The modules are rnn (nn.LSTM, nn.GRU or nn.RNN), linear (nn.Linear) and, where there is one, embedding
 * (nn.Embedding). PyTorch computes W·x where this program computes x·W, so its matrices are the transposed
 * ones, [gates·H, in], but for the embedding table; and it always has two biases. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/store/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

enum { TORCH_MAX_GATES = 4 };

/* A cell that PyTorch has a module for. */
struct torch_cell {
    const char *name; /* as --cell takes it */
    const char *module;
    const char *gate_names; /* the blocks of a checkpoint, in their order */
    size_t gates;
    size_t block[TORCH_MAX_GATES]; /* of a checkpoint, by the place of the gate in PyTorch */
};

/* By the name of the cell, or, where `name` is NULL, by the number of its gates; NULL: there is none. */
const struct torch_cell *torch_layout_cell(const char *name, size_t gates);

struct torch_shape {
    const struct torch_cell *cell;
    size_t hidden;
    size_t layers;
    size_t directions;
    size_t vocabulary;
    size_t embedding; /* its size; 0: one-hot input */
    bool double_bias; /* a checkpoint has b_h too; PyTorch's bias_hh is zero otherwise */
    bool tied;        /* linear.weight is the embedding table, and a checkpoint has it once */
};

/* A tensor of the state_dict. */
struct torch_tensor {
    char name[TENSOR_PATH_BYTES]; /* "rnn.weight_ih_l0" */
    char path[TENSOR_PATH_BYTES]; /* in a checkpoint: "/model/layer0/W_x"; empty: zeros, which it lacks */
    size_t rows;
    size_t columns;                /* 1 for a vector */
    size_t dim_count;              /* 1 or 2 */
    bool transposed;               /* in a checkpoint, where a vector is a row */
    bool repeated;                 /* another tensor before it has the same path */
    const struct torch_cell *cell; /* of whose gates the rows are; NULL: of none */
};

struct torch_layout {
    struct torch_tensor *tensors;
    size_t count;
};

MUST_CHECK enum status torch_layout_make(struct torch_layout *layout, const struct torch_shape *shape,
                                         struct error *error);
void torch_layout_free(struct torch_layout *layout);

/* NULL where the layout has no tensor of this name, or of this path. */
const struct torch_tensor *torch_layout_find(const struct torch_layout *layout, const char *name);
const struct torch_tensor *torch_layout_find_path(const struct torch_layout *layout, const char *path);

/* The tensor as a checkpoint has it: path, shape, gates; without data. Not for one without a path. */
struct tensor torch_layout_stored(const struct torch_tensor *tensor);

/* Copies rows of a tensor of a state_dict, from `first` on: out of `stored`, the whole tensor as a checkpoint
 * has it, or into it. In `rows` they are little-endian float32, as safetensors has them. */
void torch_layout_get_rows(uint32_t *rows, const struct torch_tensor *tensor, size_t first, size_t count,
                           const float *stored);
void torch_layout_put_rows(float *stored, const struct torch_tensor *tensor, size_t first, size_t count,
                           const uint32_t *rows);

#endif
