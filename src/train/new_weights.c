#include "new_weights.h"

#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/optim/clip.h"

static struct range intersection(struct range a, size_t first, size_t end)
{
    first = larger(first, a.first);
    end = smaller(end, a.first + a.count);
    return (struct range){first, end > first ? end - first : 0};
}

/* New weights from `place` on of the flat buffers. */
static void move_weights(const struct update *update, const struct optimizer_step *step, size_t place,
                         const float *gradients, size_t count)
{
    struct optimizer_piece piece = {
        .count = count, .weights = update->weights + place, .gradients = gradients};
    for (size_t i = 0; i < OPTIMIZER_MAX_STATES; i++)
        piece.states[i] = update->states[i] ? update->states[i] + place : NULL;
    optimizer_update(&update->spec.optimizer, step, &piece);
}

/* New weights for this worker's share of a row table where no token of the batch has its row: in stretches
 * between the touched rows. */
static void move_untouched_rows(const struct update *update, const struct parameter *table,
                                const struct optimizer_step *step)
{
    const struct touched_rows *touched = &update->touched;
    size_t row_size = table->dims[1];
    struct range mine = partition_range(touched->vocabulary, (size_t)update->comm->node_workers,
                                        (size_t)update->comm->node_rank);
    size_t end = mine.first + mine.count;
    size_t row = mine.first;
    for (size_t i = 0; row < end; i++) {
        size_t next = i < touched->count && touched->tokens[i] < end ? touched->tokens[i] : end;
        if (next > row)
            move_weights(update, step, table->offset + row * row_size, NULL, (next - row) * row_size);
        row = next < row ? row : next + 1;
    }
}

/* New weights for a piece of the gradients of touched rows. What lies in them in one row of one row table
 * belongs to weights that lie together. */
static void move_touched_rows(const struct update *update, struct range part, const float *gradients,
                              const struct optimizer_step *step)
{
    const struct parameters *parameters = &update->parameters;
    size_t tables = parameters->row_table_count;
    size_t table_row_size = parameters->row_size / tables;
    size_t dense = parameters->dense_size;
    size_t first = (part.first - dense) / table_row_size;
    for (size_t i = first; i < update->touched.count * tables; i++) {
        size_t row = dense + i * table_row_size;
        struct range some = intersection(part, row, row + table_row_size);
        if (some.count == 0)
            break;
        const struct parameter *table = parameters_row_table(parameters, i % tables);
        touched_rows_prefetch(&update->touched, i / tables + 1, update->weights + table->offset,
                              table_row_size);
        size_t place = table->offset + update->touched.tokens[i / tables] * table_row_size;
        move_weights(update, step, place + (some.first - row), gradients + (some.first - part.first),
                     some.count);
    }
}

/* New weights for one of this rank's parts of the gradients: a range of the dense ones, or rows, the first
 * and the last of which another rank may share. */
static void new_weights_of_part(const struct update *update, struct range part, const float *gradients,
                                const struct optimizer_step *step)
{
    size_t dense = update->parameters.dense_size;
    struct range some = intersection(part, 0, dense);
    struct range rows = intersection(part, dense, part.first + part.count);
    if (some.count > 0)
        move_weights(update, step, some.first, gradients + (some.first - part.first), some.count);
    if (rows.count > 0)
        move_touched_rows(update, rows, gradients + (rows.first - part.first), step);
}

void new_weights(struct update *update, const struct gradient_parts *sums, double rate)
{
    struct optimizer_step step = {
        .rate = rate,
        .factor = clip_factor(update->grad_norm, update->spec.clip_norm),
        .number = ++update->optimizer_updates,
    };
    for (size_t i = 0; i < sums->parts.count; i++) {
        struct range part = sums->parts.ranges[i];
        new_weights_of_part(update, part, sums->data + (part.first - sums->first), &step);
    }
    bool moves_all = comm_is_worker(update->comm) && optimizer_moves_all(&update->spec.optimizer);
    size_t tables = moves_all ? update->parameters.row_table_count : 0;
    for (size_t i = 0; i < tables; i++)
        move_untouched_rows(update, parameters_row_table(&update->parameters, i), &step);
}
