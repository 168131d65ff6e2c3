#ifndef LSTM_MPI_STORE_TENSOR_PART_H
#define LSTM_MPI_STORE_TENSOR_PART_H

/* Private to this room: a tensor that is moved to and from a file in pieces of bounded size.
 *
 * It is seen as [outer][rows][inner]: `rows` is the dimension that is shared out, `outer` all before it and
 * `inner` all behind it. A piece is some rows at one index of `outer`; it is one stretch of memory. */

#include "h5.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/store/snapshot.h"

/* A part of a tensor: these rows, at every index of `outer`. */
struct tensor_part {
    const struct tensor *tensor;
    size_t row_dim;
    size_t outer;
    size_t inner;
    struct range rows;   /* in the tensor */
    size_t memory_first; /* the first row that memory holds */
    size_t memory_rows;
};

/* What memory holds of the tensor. */
struct tensor_part tensor_part_held(const struct tensor *tensor);

/* What `rank` of `size` ranks writes: of a split tensor what it holds, else whole rows in stretches of about
 * a digest's block, those of a small tensor all by one rank. */
struct tensor_part tensor_part_written(const struct tensor *tensor, int rank, int size);

/* One piece after the other; returns false behind the last. All zero before the first. */
struct tensor_piece {
    size_t outer;              /* of the next piece */
    size_t row;                /* of the next piece, behind the part's first */
    size_t first[H5_MAX_DIMS]; /* of this piece, in the tensor */
    size_t count[H5_MAX_DIMS];
    float *data;
    size_t elements;
    size_t file_element; /* where in the tensor its first element is */
};
bool tensor_part_next(const struct tensor_part *part, struct tensor_piece *piece);

#endif
