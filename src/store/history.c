#include "lstm_mpi/store/history.h"
#include "lstm_mpi/base/memory.h"

#include <math.h>
#include <string.h>

#define INT64_COLUMN(field)                                                                   \
    {                                                                                         \
        .name = #field, .offset = offsetof(struct epoch_record, field), .type = HISTORY_INT64 \
    }
#define FLOAT64_COLUMN(field)                                                                   \
    {                                                                                           \
        .name = #field, .offset = offsetof(struct epoch_record, field), .type = HISTORY_FLOAT64 \
    }

const struct history_column history_columns[] = {
    INT64_COLUMN(epoch),
    FLOAT64_COLUMN(perplexity),
    FLOAT64_COLUMN(valid_perplexity),
    FLOAT64_COLUMN(tokens_per_second),
    FLOAT64_COLUMN(seconds),
    FLOAT64_COLUMN(grad_norm),
};
const size_t history_column_count = sizeof history_columns / sizeof history_columns[0];

static const struct rank_times absent = {.compute_seconds = NAN, .wait_seconds = NAN};

/* Gives every epoch so far more columns, from the last epoch on: a row moves to where only itself and later
 * rows lay. */
static enum status widen(struct history *history, size_t ranks, struct error *error)
{
    enum status status =
        memory_grow(&history->times, &history->times_capacity, (history->count + 1) * ranks, error);
    if (status != STATUS_OK)
        return status;
    size_t old = history->ranks;
    for (size_t e = history->count; e-- > 0;) {
        struct rank_times *row = history->times + e * ranks;
        memmove(row, history->times + e * old, old * sizeof *row);
        for (size_t rank = old; rank < ranks; rank++)
            row[rank] = absent;
    }
    history->ranks = ranks;
    return STATUS_OK;
}

enum status history_add(struct history *history, const struct epoch_record *record,
                        const struct rank_times *times, size_t ranks, struct error *error)
{
    enum status status = STATUS_OK;
    TRY(memory_grow(&history->records, &history->capacity, history->count + 1, error));
    if (ranks > history->ranks)
        TRY(widen(history, ranks, error));
    else
        TRY(memory_grow(&history->times, &history->times_capacity, (history->count + 1) * history->ranks,
                        error));

    history->records[history->count] = *record;
    for (size_t rank = 0; rank < history->ranks; rank++)
        history->times[history->count * history->ranks + rank] = rank < ranks ? times[rank] : absent;
    history->count++;
done:
    return status;
}

uint64_t history_bytes(const struct history *history)
{
    return history->count * (sizeof *history->records + history->ranks * sizeof *history->times);
}

void history_free(struct history *history)
{
    memory_free(history->records);
    memory_free(history->times);
    *history = (struct history){0};
}
