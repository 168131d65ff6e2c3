#ifndef LSTM_MPI_STORE_HISTORY_H
#define LSTM_MPI_STORE_HISTORY_H

/* The metrics of a run, one record for every epoch. */

#include "lstm_mpi/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct epoch_record {
    int64_t epoch; /* counted from 1 */
    double perplexity;
    double valid_perplexity; /* NaN where none was taken */
    double tokens_per_second;
    double seconds;   /* since the start of the run, all its starts together */
    double grad_norm; /* mean over the epoch's updates, before clipping */
};

/* What each rank spent on the epoch. */
struct rank_times {
    double compute_seconds;
    double wait_seconds;
};

/* A column of metrics.h5 that has one number for each epoch: where it lies in struct epoch_record. */
struct history_column {
    const char *name; /* the dataset /metrics/NAME */
    size_t offset;
    enum { HISTORY_INT64, HISTORY_FLOAT64 } type;
};
extern const struct history_column history_columns[];
extern const size_t history_column_count;

struct history {
    struct epoch_record *records;
    size_t count;
    size_t capacity;
    struct rank_times *times; /* [count][ranks]; NaN where a rank was not there */
    size_t times_capacity;
    size_t ranks; /* as many as the run ever had */
};

/* Adds an epoch with the times of its `ranks` ranks; `ranks` may differ from earlier epochs'. */
MUST_CHECK enum status history_add(struct history *history, const struct epoch_record *record,
                                   const struct rank_times *times, size_t ranks, struct error *error);

/* In a file. */
uint64_t history_bytes(const struct history *history);

/* Frees what the history holds, not the struct. */
void history_free(struct history *history);

#endif
