#ifndef LSTM_MPI_TESTS_SAMPLE_SNAPSHOT_H
#define LSTM_MPI_TESTS_SAMPLE_SNAPSHOT_H

/* A run's snapshot for tests of what is stored: every number is a function of its place, so any rank can tell
 * what must be read back. Functions end the program where their own calls fail. */

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample_shape {
    size_t V, H, layers, B;
};

enum { SAMPLE_TENSORS = 7 };

struct sample {
    struct settings settings;
    struct vocabulary *vocabulary;
    struct history history;
    struct rank_times *times;
    struct tensor tensors[SAMPLE_TENSORS];
    struct snapshot snapshot;
};

static inline void sample_demand(enum status status, const struct error *error)
{
    char line[ERROR_LINE_BYTES];
    if (status == STATUS_OK)
        return;
    error_line(line, error);
    fprintf(stderr, "the sample cannot be made: %s\n", line);
    exit(1);
}

/* Fractions of 2^-20 around zero; `update` tells two snapshots apart. */
static inline float sample_number(size_t tensor, size_t element, uint64_t update)
{
    uint64_t mixed =
        (element * SAMPLE_TENSORS + tensor + 1 + update * 1000003) * UINT64_C(0x9E3779B97F4A7C15);
    return (float)((double)(mixed >> 44) / (1 << 20) - 0.5);
}

/* Where in the tensor the `i`-th element of what this rank holds is. */
static inline size_t sample_element(const struct tensor *tensor, size_t i)
{
    if (tensor->split_dim < 0)
        return i;
    size_t inner = 1;
    for (size_t d = (size_t)tensor->split_dim + 1; d < tensor->dim_count; d++)
        inner *= tensor->dims[d];
    size_t local = tensor->local_count * inner;
    size_t rows = tensor->dims[tensor->split_dim];
    return (i / local * rows + tensor->local_first) * inner + i % local;
}

static inline size_t sample_held(const struct tensor *tensor)
{
    size_t elements = 1;
    for (size_t d = 0; d < tensor->dim_count; d++)
        elements *= tensor->split_dim == (int)d ? tensor->local_count : tensor->dims[d];
    return elements;
}

/* The tensors of this shape as a rank holds them: the state split by rows of the batch. Their memory is
 * zeroed. */
static inline void sample_tensors_make(struct tensor tensors[SAMPLE_TENSORS], const struct comm *comm,
                                       struct sample_shape shape)
{
    struct range rows = partition_range(shape.B, (size_t)comm->size, (size_t)comm->rank);
    size_t V = shape.V, H = shape.H;
    struct tensor made[SAMPLE_TENSORS] = {
        {.path = "/model/layer0/W_x",
         .dims = {V, 4 * H},
         .dim_count = 2,
         .split_dim = -1,
         .gates = "i,f,o,c"},
        {.path = "/model/layer0/W_h",
         .dims = {H, 4 * H},
         .dim_count = 2,
         .split_dim = -1,
         .gates = "i,f,o,c"},
        {.path = "/model/layer0/b", .dims = {4 * H}, .dim_count = 1, .split_dim = -1, .gates = "i,f,o,c"},
        {.path = "/model/output/W", .dims = {H, V}, .dim_count = 2, .split_dim = -1},
        {.path = "/model/output/b", .dims = {V}, .dim_count = 1, .split_dim = -1},
        {.path = "/state/h", .dims = {shape.layers, shape.B, H}, .dim_count = 3, .split_dim = 1},
        {.path = "/state/c", .dims = {shape.layers, shape.B, H}, .dim_count = 3, .split_dim = 1},
    };
    for (size_t t = 0; t < SAMPLE_TENSORS; t++) {
        struct error error;
        tensors[t] = made[t];
        if (tensors[t].split_dim >= 0) {
            tensors[t].local_first = rows.first;
            tensors[t].local_count = rows.count;
        }
        sample_demand(memory_new(&tensors[t].data, sample_held(&tensors[t]), &error), &error);
    }
}

static inline void sample_tensors_free(struct tensor tensors[SAMPLE_TENSORS])
{
    for (size_t t = 0; t < SAMPLE_TENSORS; t++)
        memory_free(tensors[t].data);
}

/* V tokens: <unk>, then the characters from U+4E00 on, U+0000 among them. */
static inline struct vocabulary *sample_vocabulary(size_t V)
{
    struct error error;
    struct token_counts counts;
    struct vocabulary *vocabulary;
    sample_demand(
        token_counts_create(&counts, &(const struct token_rules){.tokenizer = tokenizers[0]}, &error),
        &error);
    for (size_t i = 0; i + 1 < V; i++)
        counts.counts[i == 0 ? 0 : 0x4E00 + i] = V - i;
    sample_demand(vocabulary_create(&vocabulary, &counts, &error), &error);
    token_counts_free(&counts);
    return vocabulary;
}

static inline void sample_make(struct sample *sample, const struct comm *comm, struct sample_shape shape,
                               size_t epochs, uint64_t update)
{
    struct error error;
    memset(sample, 0, sizeof *sample);
    sample_demand(settings_defaults(&sample->settings, SETTINGS_TRAIN, &error), &error);
    sample->vocabulary = sample_vocabulary(shape.V);
    sample_tensors_make(sample->tensors, comm, shape);
    for (size_t t = 0; t < SAMPLE_TENSORS; t++)
        for (size_t i = 0; i < sample_held(&sample->tensors[t]); i++)
            sample->tensors[t].data[i] = sample_number(t, sample_element(&sample->tensors[t], i), update);

    size_t ranks = (size_t)comm->size;
    sample_demand(memory_new(&sample->times, ranks, &error), &error);
    for (size_t r = 0; r < ranks; r++)
        sample->times[r] = (struct rank_times){(double)r + 0.25, (double)r + 0.5};
    for (size_t e = 0; e < epochs; e++) {
        struct epoch_record record = {(int64_t)e + 1, 100.0 / (double)(e + 1), NAN, 1e5, (double)e, 0.5};
        sample_demand(history_add(&sample->history, &record, sample->times, ranks, &error), &error);
    }
    sample->snapshot = (struct snapshot){
        .settings = &sample->settings,
        .corpus_digest = UINT64_C(0xFEDCBA9876543210),
        .vocabulary = sample->vocabulary,
        .tensors = sample->tensors,
        .tensor_count = SAMPLE_TENSORS,
        .progress = {.epoch = epochs, .update = update, .loss_sum = 0.1, .seconds = 1e-300, .finished = 1},
        .history = &sample->history,
        .epoch_times = sample->times,
        .epoch_ranks = ranks,
    };
}

static inline void sample_free(struct sample *sample)
{
    settings_free(&sample->settings);
    vocabulary_destroy(sample->vocabulary);
    history_free(&sample->history);
    memory_free(sample->times);
    sample_tensors_free(sample->tensors);
}

/* How many of the numbers that this rank reads of a checkpoint are not those of the sample at this update. */
static inline size_t sample_differences(const struct checkpoint *checkpoint, const struct comm *comm,
                                        struct sample_shape shape, uint64_t update)
{
    struct tensor tensors[SAMPLE_TENSORS];
    struct error error;
    size_t different = 0;
    sample_tensors_make(tensors, comm, shape);
    for (size_t t = 0; t < SAMPLE_TENSORS; t++) {
        sample_demand(checkpoint_read_tensor(checkpoint, &tensors[t], &error), &error);
        for (size_t i = 0; i < sample_held(&tensors[t]); i++)
            different += tensors[t].data[i] != sample_number(t, sample_element(&tensors[t], i), update);
    }
    sample_tensors_free(tensors);
    return different;
}

#endif
