#include "update.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/optim/clip.h"

#include <math.h>
#include <string.h>

float update_loss_scale(const struct update *update)
{
    return 1.0F / (float)(update->spec.batch_size * update->spec.num_steps);
}

struct model_batch update_model_batch(const struct update *update, const struct batch *batch)
{
    return (struct model_batch){
        .inputs = batch->inputs,
        .targets = batch->targets,
        .input_rows = update->touched.row_of_input,
        .update = update->number,
        .first_row = batch->first_row,
    };
}

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

static const struct update_way plain = {
    .create = plain_create,
    .free = plain_free,
    .rank_bytes = plain_rank_bytes,
    .gradients = plain_gradients,
    .exchange = plain_exchange,
};

static enum status create_states(struct update *update, struct error *error)
{
    size_t size = update->parameters.size;
    size_t count = optimizer_state_count(&update->spec.optimizer);
    void *memory;
    if (count == 0)
        return STATUS_OK;
    enum status status = comm_shared_allocate(&update->shared_states, &memory, update->comm,
                                              count * size * sizeof(float), error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        update->states[i] = (float *)memory + i * size;
    return status;
}

static enum status create_shared(struct update *update, struct error *error)
{
    enum status status;
    const struct comm *comm = update->comm;
    const struct update_spec *spec = &update->spec;
    void *weights;
    void *packed;
    size_t all_inputs = spec->batch_size * spec->num_steps;
    size_t V = spec->model.vocabulary_size;
    size_t most_rows = all_inputs < V ? all_inputs : V;
    TRY(comm_shared_allocate(&update->shared_weights, &weights, comm, update->parameters.size * sizeof(float),
                             error));
    TRY(comm_shared_allocate(&update->shared_packed, &packed, comm,
                             packed_weights_floats(&spec->model) * sizeof(float), error));
    update->weights = weights;
    TRY(update->way->create(update, most_rows, error));
    TRY(create_states(update, error));
    TRY(packed_weights_place(&update->packed, &spec->model, weights, packed, error));
done:
    return status;
}

static enum status create_own(struct update *update, struct error *error)
{
    enum status status;
    const struct update_spec *spec = &update->spec;
    TRY((spec->rank_invariant ? model_create_exact : model_create)(
        &update->model, &spec->model, &update->packed, spec->rows, spec->num_steps, error));
    TRY(touched_rows_create(&update->touched, spec->model.vocabulary_size, spec->rows * spec->num_steps,
                            spec->batch_size * spec->num_steps, error));
done:
    return status;
}

enum status update_create(struct update *update, const struct comm *comm, const struct update_spec *spec,
                          struct error *error)
{
    enum status status;
    *update = (struct update){
        .spec = *spec, .comm = comm, .way = spec->rank_invariant ? &update_invariant : &plain};
    TRY(parameters_layout(&update->parameters, &spec->model, error));
    TRY(create_shared(update, error));
    TRY(agree_on_status(comm, create_own(update, error), error));
done:
    if (status != STATUS_OK)
        update_free(update);
    return status;
}

void update_free(struct update *update)
{
    model_destroy(update->model);
    touched_rows_free(&update->touched);
    if (update->way)
        update->way->free(update);
    comm_shared_free(update->shared_states);
    comm_shared_free(update->shared_packed);
    comm_shared_free(update->shared_weights);
    *update = (struct update){0};
}

size_t update_node_bytes(const struct update *update)
{
    return (update->parameters.size + packed_weights_floats(&update->spec.model)) * sizeof(float);
}

size_t update_state_bytes(const struct update *update)
{
    return optimizer_state_count(&update->spec.optimizer) * update->parameters.size * sizeof(float);
}

size_t update_rank_bytes(const struct update *update)
{
    return update->way->rank_bytes(update) + model_bytes(update->model);
}

/* The workers of a node pack its weights together, when all of them are written. */
static enum status pack_weights(struct update *update, struct error *error)
{
    const struct comm *comm = update->comm;
    if (comm_is_worker(comm))
        packed_weights_pack(&update->packed, (size_t)comm->node_rank, (size_t)comm->node_workers);
    return comm_node_barrier(comm, error);
}

enum status update_load_weights(struct update *update, struct error *error)
{
    enum status status;
    TRY(comm_node_barrier(update->comm, error));
    TRY(pack_weights(update, error));
done:
    return status;
}

static struct range intersection(struct range a, size_t first, size_t end)
{
    size_t a_end = a.first + a.count;
    first = first > a.first ? first : a.first;
    end = end < a_end ? end : a_end;
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

static void new_weights(struct update *update, const struct gradient_parts *sums, double rate)
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

enum status update_run(struct update *update, const struct batch *batch, double rate, struct totals *totals,
                       struct error *error)
{
    enum status status;
    struct phase_times *times = model_phase_times(update->model);
    struct gradient_parts sums;
    double start = clock_seconds();
    phase_start(times);
    if (comm_is_worker(update->comm))
        TRY(touched_rows_find(&update->touched, update->comm, batch->inputs, error));
    phase_end(times, PHASE_EXCHANGE);
    double found = clock_seconds();
    if (batch->state_starts_at_zero)
        model_zero_state(update->model);
    if (comm_is_worker(update->comm))
        update->way->gradients(update, batch, totals);
    double computed = clock_seconds();

    phase_start(times);
    comm_rest(update->comm);
    size_t count = update->parameters.dense_size + update->touched.count * update->parameters.row_size;
    TRY(update->way->exchange(update, count, totals, &sums, error));
    update->grad_norm = sqrt(totals->squared_norm);
    phase_end(times, PHASE_EXCHANGE);
    double summed = clock_seconds();
    if (update_is_finite(update, totals))
        new_weights(update, &sums, rate);
    phase_end(times, PHASE_UPDATE);
    TRY(comm_workers_node_barrier(update->comm, error));
    TRY(pack_weights(update, error));
    phase_end(times, PHASE_PACK_WEIGHTS);
    update->number++;
    update->wait_seconds += (found - start) + (summed - computed);
    update->compute_seconds += (computed - found) + (clock_seconds() - summed);
done:
    return status;
}

bool update_is_finite(const struct update *update, const struct totals *totals)
{
    return isfinite(totals->loss) && isfinite(update->grad_norm);
}
