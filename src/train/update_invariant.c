/* The way of --rank-invariant: bit for bit the same loss, norm and weights for every number of ranks and
 * every place of them. What depends on the ranks are sums over the rows of the batch, and each is taken
 * exactly or in an order of its own:
 *
 * 1. The contribution of a row to a gradient is computed in float32, alike on whichever rank. Contributions
 * are added exactly, in double: within a rank (lstm_mpi/model/exact_gradients.h), between ranks and between
 * nodes (lstm_mpi/dist/exact_reduction.h). The sum is rounded to float32. That of a tied embedding is made of
 * two, which are added before.
 * 2. The loss of each row, and the squares of each block of gradients, are said by one rank and are zero on
 * all others; who adds them up gets all of them, and does it in their order.
 *
 * All else of an update is element by element. */

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/exact_reduction.h"
#include "lstm_mpi/linalg/vector.h"
#include "update.h"

#include <string.h>

struct invariant {
    const struct comm *comm;
    struct exact_reduction *gradients;
    double *row_losses; /* [rows] */
    double *said;       /* [batch_size losses | blocks' sums of squares] */
    size_t most_said;
    struct range part; /* that this rank got the sums of */
    size_t first_row;
    enum status status; /* of the exchanges while gradients were computed */
    struct error error;
};

static size_t blocks_of(size_t count)
{
    return divide_up(count, EXACT_REDUCTION_BLOCK);
}

static size_t numbers_said(const struct update *update, size_t count)
{
    return update->spec.batch_size + blocks_of(count);
}

static enum status create_own(struct update *update, size_t most_rows, struct error *error)
{
    enum status status;
    TRY(memory_new(&update->invariant, 1, error));
    struct invariant *invariant = update->invariant;
    size_t most_gradients = update->parameters.dense_size + most_rows * update->parameters.row_size;
    *invariant = (struct invariant){.comm = update->comm, .most_said = numbers_said(update, most_gradients)};
    TRY(memory_new(&invariant->row_losses, update->spec.rows, error));
    TRY(memory_new(&invariant->said, invariant->most_said, error));
done:
    return status;
}

static enum status invariant_create(struct update *update, size_t most_rows, struct error *error)
{
    enum status status;
    size_t capacity = update->parameters.dense_size + most_rows * update->parameters.token_row_size;
    TRY(agree_on_status(update->comm, create_own(update, most_rows, error), error));
    TRY(exact_reduction_create(&update->invariant->gradients, update->comm, capacity, error));
done:
    return status;
}

static void invariant_free(struct update *update)
{
    struct invariant *invariant = update->invariant;
    if (!invariant)
        return;
    exact_reduction_destroy(invariant->gradients);
    memory_free(invariant->row_losses);
    memory_free(invariant->said);
    memory_free(invariant);
}

static size_t invariant_rank_bytes(const struct update *update)
{
    const struct invariant *invariant = update->invariant;
    return exact_reduction_bytes(invariant->gradients) +
           (invariant->most_said + update->spec.rows) * sizeof(double);
}

/* An exchange that failed is told by invariant_exchange; until then all goes on with numbers that are none.
 */
static double largest_of_all(void *context, double largest)
{
    struct invariant *invariant = context;
    if (invariant->status == STATUS_OK)
        invariant->status = comm_workers_max_f64(invariant->comm, &largest, 1, &invariant->error);
    return largest;
}

static void invariant_gradients(struct update *update, const struct batch *batch, struct totals *totals)
{
    struct invariant *invariant = update->invariant;
    struct exact_gradients gradients = {
        .sums = exact_reduction_buffer(invariant->gradients),
        .row_losses = invariant->row_losses,
        .positions = update->spec.batch_size * update->spec.num_steps,
        .largest_of_all = largest_of_all,
        .context = invariant,
    };
    memset(gradients.sums + update->parameters.dense_size, 0,
           update->touched.count * update->parameters.token_row_size * sizeof *gradients.sums);
    struct model_batch model_batch = update_model_batch(update, batch);
    model_gradients_exact(update->model, &model_batch, update_loss_scale(update), &gradients);
    invariant->first_row = batch->first_row;
    totals->loss = 0;
}

/* What inputs add to those gradients of a tied embedding that a part has, of the rows behind the dense part.
 */
static struct range inputs_of_part(const struct update *update, const struct parameter *embedding,
                                   struct range part)
{
    size_t first = larger(part.first, embedding->offset) - embedding->offset;
    size_t end = larger(part.first + part.count, embedding->offset) - embedding->offset;
    return touched_rows_within(&update->touched, embedding->dims[1], (struct range){first, end - first});
}

/* To this rank's part of the gradients of a tied embedding comes what the inputs add, summed likewise. */
static enum status add_inputs(const struct update *update, struct range part, struct error *error)
{
    enum status status;
    const struct exact_reduction *reduction = update->invariant->gradients;
    const struct parameter *embedding = parameters_find(&update->parameters, "embedding/W");
    size_t dense = update->parameters.dense_size;
    size_t row_size = embedding->dims[1];
    double *table = exact_reduction_buffer(reduction) + embedding->offset;
    const double *inputs = exact_reduction_buffer(reduction) + dense;
    struct range some = inputs_of_part(update, embedding, part);
    TRY(exact_reduction_sum(reduction, (struct range){dense + some.first, some.count}, error));
    for (size_t i = some.first, end; i < some.first + some.count; i = end) {
        size_t place = update->touched.tokens[i / row_size] * row_size + i % row_size;
        end = smaller((i / row_size + 1) * row_size, some.first + some.count);
        for (size_t k = 0; k < end - i; k++)
            table[place + k] += inputs[i + k];
    }
done:
    return status;
}

/* Gives this worker's part of the gradients, rounded; other ranks have none. */
static enum status sum_gradients(const struct update *update, size_t count, const float **gradients,
                                 struct error *error)
{
    enum status status;
    struct invariant *invariant = update->invariant;
    *gradients = NULL;
    invariant->part = (struct range){count, 0};
    if (!comm_is_worker(update->comm))
        return STATUS_OK;
    struct range part = exact_reduction_part(invariant->gradients, count);
    TRY(exact_reduction_begin(invariant->gradients, error));
    TRY(exact_reduction_sum(invariant->gradients, part, error));
    if (update->spec.model.tie_weights)
        TRY(add_inputs(update, part, error));
    *gradients = exact_reduction_round(invariant->gradients, part);
    invariant->part = part;
done:
    return status;
}

static double sum_in_order(const double *terms, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += terms[i];
    return sum;
}

/* What this rank knows: the losses of its rows, and the squares of its part of the gradients, which the same
 * ranks of other nodes have too. */
static void say(const struct update *update, struct range part, const float *sums, double *losses,
                double *squares)
{
    const struct invariant *invariant = update->invariant;
    memcpy(losses + invariant->first_row, invariant->row_losses,
           update->spec.rows * sizeof *invariant->row_losses);
    if (!update->comm->on_first_node)
        return;
    for (size_t i = 0; i < part.count; i += EXACT_REDUCTION_BLOCK) {
        size_t left = part.count - i;
        size_t count = left < EXACT_REDUCTION_BLOCK ? left : EXACT_REDUCTION_BLOCK;
        squares[(part.first + i) / EXACT_REDUCTION_BLOCK] = vector_sum_of_squares(count, sums + i);
    }
}

static enum status invariant_exchange(struct update *update, size_t count, struct totals *totals,
                                      struct gradient_parts *parts, struct error *error)
{
    enum status status;
    const struct comm *comm = update->comm;
    struct invariant *invariant = update->invariant;
    size_t numbers = numbers_said(update, count);
    double *losses = invariant->said;
    double *squares = losses + update->spec.batch_size;
    if (invariant->status != STATUS_OK)
        *error = invariant->error;
    TRY(invariant->status);
    const float *sums;
    TRY(sum_gradients(update, count, &sums, error));
    memset(invariant->said, 0, numbers * sizeof *invariant->said);
    say(update, invariant->part, sums, losses, squares);
    TRY(comm_workers_sum_f64(comm, invariant->said, numbers, error));
    if (comm->worker == 0) {
        totals->loss = sum_in_order(losses, update->spec.batch_size);
        totals->squared_norm = sum_in_order(squares, blocks_of(count));
    }
    TRY(comm_sum_f64(comm, (double *)totals, TOTALS_COUNT, error));
    *parts = (struct gradient_parts){{&invariant->part, 1}, sums, invariant->part.first};
done:
    return status;
}

const struct update_way update_invariant = {
    .create = invariant_create,
    .free = invariant_free,
    .rank_bytes = invariant_rank_bytes,
    .gradients = invariant_gradients,
    .exchange = invariant_exchange,
};
