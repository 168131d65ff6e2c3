/* Gradients in float32, summed over the ranks in the order in which these are. */

#include "update.h"

#include "lstm_mpi/linalg/vector.h"

#include <string.h>

static enum status plain_create(struct update *update, size_t most_rows, struct error *error)
{
    size_t capacity = update->parameters.dense_size + most_rows * update->parameters.row_size;
    return reduction_create(&update->gradients, update->comm, capacity, update->parameters.count, error);
}

static void plain_free(struct update *update)
{
    reduction_destroy(update->gradients);
}

static size_t plain_rank_bytes(const struct update *update)
{
    return reduction_bytes(update->gradients);
}

static void begin_sum(void *reduction, struct range range)
{
    reduction_begin(reduction, range);
}

static void continue_sum(void *reduction)
{
    reduction_continue(reduction);
}

/* All gradients are then final and in the hands of the reduction. */
static void plain_gradients(struct update *update, const struct batch *batch, struct totals *totals)
{
    float *gradients = reduction_buffer(update->gradients);
    struct range rows = {update->parameters.dense_size, update->touched.count * update->parameters.row_size};
    struct gradients_listener listener = {begin_sum, continue_sum, update->gradients};
    memset(gradients + rows.first, 0, rows.count * sizeof *gradients);
    struct model_batch model_batch = update_model_batch(update, batch);
    totals->loss =
        model_gradients(update->model, &model_batch, update_loss_scale(update), gradients, &listener);
    if (rows.count > 0)
        reduction_begin(update->gradients, rows);
}

static enum status plain_exchange(struct update *update, size_t count, struct totals *totals,
                                  struct gradient_parts *sums, struct error *error)
{
    enum status status;
    const struct comm *comm = update->comm;
    (void)count;
    *sums = (struct gradient_parts){.data = reduction_buffer(update->gradients)};
    TRY(reduction_finish(update->gradients, &sums->parts, error));
    for (size_t i = 0; comm->on_first_node && i < sums->parts.count; i++)
        totals->squared_norm +=
            vector_sum_of_squares(sums->parts.ranges[i].count, sums->data + sums->parts.ranges[i].first);
    TRY(comm_sum_f64(comm, (double *)totals, TOTALS_COUNT, error));
done:
    return status;
}

const struct update_way update_plain = {
    .create = plain_create,
    .free = plain_free,
    .rank_bytes = plain_rank_bytes,
    .gradients = plain_gradients,
    .exchange = plain_exchange,
};
