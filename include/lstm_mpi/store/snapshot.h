#ifndef LSTM_MPI_STORE_SNAPSHOT_H
#define LSTM_MPI_STORE_SNAPSHOT_H

/* A run at one moment, as views of what its parts own: nothing is copied to make one. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/store/history.h"
#include "lstm_mpi/text/vocabulary.h"

#include <stddef.h>
#include <stdint.h>

enum { TENSOR_PATH_BYTES = 80, TENSOR_MAX_DIMS = 3 };

/* A named array of float32 in C order. `dims` is the shape in the file. A rank holds either the whole of it
 * (split_dim < 0: all ranks hold the same bits, and each writes its slice) or, of dimension `split_dim`, the
 * `local_count` indices from `local_first` on: `data` then has that many in that dimension. */
struct tensor {
    char path[TENSOR_PATH_BYTES]; /* in the file, from the root: "/model/layer0/W_x" */
    size_t dims[TENSOR_MAX_DIMS];
    size_t dim_count;
    int split_dim;
    size_t local_first;
    size_t local_count;
    float *data;
    const char *gates; /* the attribute `gates`, "i,f,o,c"; NULL: none */
};

/* Where a run stands: all that going on needs besides the tensors. Attributes of /progress. */
struct progress {
    uint64_t epoch;                  /* completed */
    uint64_t batch;                  /* next within the epoch */
    uint64_t update;                 /* made since the start */
    uint64_t tokens_seen;            /* targets trained on since the start, over all ranks */
    uint64_t start_offset;           /* of the epoch under way */
    double loss_sum;                 /* of the epoch under way, over its targets, all ranks */
    uint64_t epoch_tokens;           /* targets of the epoch under way so far, all ranks */
    double grad_norm_sum;            /* over the epoch's updates so far, before clipping */
    double epoch_seconds;            /* spent on the epoch under way so far */
    double seconds;                  /* spent on training since the start, all starts together */
    double rate;                     /* learning rate of the last update */
    uint64_t optimizer_updates;      /* made since the optimizer's states were zero */
    double rate_factor;              /* the learning rate's, from plateaus of the validation perplexity */
    double best_valid_perplexity;    /* 0: none yet */
    uint64_t best_update;            /* after which it was taken */
    uint64_t best_optimizer_updates; /* the optimizer's then */
    uint64_t intervals_since_best;   /* log intervals without a better one */
    uint64_t finished;               /* 1: the run has done all its epochs, or lost its patience */
};

/* The versions of the program that store a field: all, those with optimizers, those with validation. */
enum progress_since { PROGRESS_ALWAYS, PROGRESS_OPTIMIZERS, PROGRESS_VALIDATION };

struct progress_field {
    const char *name;
    size_t offset;
    enum { PROGRESS_UINT64, PROGRESS_FLOAT64 } type;
    enum progress_since since;
};
extern const struct progress_field progress_fields[];
extern const size_t progress_field_count;

struct snapshot {
    const struct settings *settings;
    uint64_t corpus_digest;
    const struct vocabulary *vocabulary;
    const struct tensor *tensors;
    size_t tensor_count;
    struct progress progress;
    const struct history *history;
    const struct rank_times *epoch_times; /* [epoch_ranks]: of the epoch under way so far; NULL: not stored */
    size_t epoch_ranks;
};

/* How many elements the whole tensor has, over all ranks. */
static inline size_t tensor_elements(const struct tensor *tensor)
{
    size_t elements = 1;
    for (size_t d = 0; d < tensor->dim_count; d++)
        elements *= tensor->dims[d];
    return elements;
}

#endif
