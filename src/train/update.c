#include "update.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/optim/clip.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(struct totals) % sizeof(double) == 0, "struct totals is summed as doubles");
enum { TOTALS_COUNT = sizeof(struct totals) / sizeof(double) };

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
    TRY(reduction_create(&update->gradients, comm,
                         update->parameters.dense_size + most_rows * update->parameters.row_size,
                         update->parameters.count, error));
    update->weights = weights;
    TRY(packed_weights_place(&update->packed, &spec->model, weights, packed, error));
done:
    return status;
}

static enum status create_own(struct update *update, struct error *error)
{
    enum status status;
    const struct update_spec *spec = &update->spec;
    TRY(model_create(&update->model, &spec->model, &update->packed, spec->rows, spec->num_steps, error));
    TRY(touched_rows_create(&update->touched, spec->model.vocabulary_size, spec->rows * spec->num_steps,
                            spec->batch_size * spec->num_steps, error));
done:
    return status;
}

enum status update_create(struct update *update, const struct comm *comm, const struct update_spec *spec,
                          struct error *error)
{
    enum status status;
    *update = (struct update){.spec = *spec, .comm = comm};
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
    reduction_destroy(update->gradients);
    comm_shared_free(update->shared_packed);
    comm_shared_free(update->shared_weights);
    *update = (struct update){0};
}

size_t update_node_bytes(const struct update *update)
{
    return (update->parameters.size + packed_weights_floats(&update->spec.model)) * sizeof(float);
}

size_t update_rank_bytes(const struct update *update)
{
    return reduction_bytes(update->gradients) + model_bytes(update->model);
}

/* The ranks of a node pack its weights together, after all of them have written theirs. */
enum status update_load_weights(struct update *update, struct error *error)
{
    enum status status;
    const struct comm *comm = update->comm;
    TRY(comm_node_barrier(comm, error));
    packed_weights_pack(&update->packed, (size_t)comm->node_rank, (size_t)comm->node_size);
    TRY(comm_node_barrier(comm, error));
done:
    return status;
}

static void begin_sum(void *reduction, struct range range)
{
    reduction_begin(reduction, range);
}

static void continue_sum(void *reduction)
{
    reduction_continue(reduction);
}

/* Leaves this rank's gradient of the mean loss over the global batch in its buffer, all of it final and in
 * the hands of the reduction; returns the sum of the losses of its rows. */
static double my_gradients(struct update *update, const struct batch *batch)
{
    float *gradients = reduction_buffer(update->gradients);
    struct range rows = {update->parameters.dense_size, update->touched.count * update->parameters.row_size};
    struct gradients_listener listener = {begin_sum, continue_sum, update->gradients};
    memset(gradients + rows.first, 0, rows.count * sizeof *gradients);
    if (batch->state_starts_at_zero)
        model_zero_state(update->model);
    float scale = 1.0F / (float)(update->spec.batch_size * update->spec.num_steps);
    struct model_batch model_batch = {
        .inputs = batch->inputs,
        .targets = batch->targets,
        .input_rows = update->touched.row_of_input,
        .update = update->number,
        .first_row = batch->first_row,
    };
    double loss = model_gradients(update->model, &model_batch, scale, gradients, &listener);
    if (rows.count > 0)
        reduction_begin(update->gradients, rows);
    return loss;
}

static struct range intersection(struct range a, size_t first, size_t end)
{
    size_t a_end = a.first + a.count;
    first = first > a.first ? first : a.first;
    end = end < a_end ? end : a_end;
    return (struct range){first, end > first ? end - first : 0};
}

/* The same for a piece of the gradients of touched rows. What lies in them in one row of one row table
 * belongs to weights that lie together. */
static void new_row_weights(struct update *update, struct range part, double factor, double rate)
{
    const struct parameters *parameters = &update->parameters;
    const float *gradients = reduction_buffer(update->gradients);
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
        size_t weights = table->offset + update->touched.tokens[i / tables] * table_row_size;
        update->spec.optimizer->update(update->weights + weights + (some.first - row), gradients + some.first,
                                       some.count, factor, rate);
    }
}

/* New weights for one of this rank's parts of the gradients: a range of the dense ones, or rows, the first
 * and the last of which another rank may share. */
static void new_weights_of_part(struct update *update, struct range part, double rate)
{
    double factor = clip_factor(update->grad_norm, update->spec.clip_norm);
    size_t dense = update->parameters.dense_size;
    struct range some = intersection(part, 0, dense);
    struct range rows = intersection(part, dense, part.first + part.count);
    if (some.count > 0)
        update->spec.optimizer->update(update->weights + some.first,
                                       reduction_buffer(update->gradients) + some.first, some.count, factor,
                                       rate);
    if (rows.count > 0)
        new_row_weights(update, rows, factor, rate);
}

static void new_weights(struct update *update, const struct reduction_parts *parts, double rate)
{
    for (size_t i = 0; i < parts->count; i++)
        new_weights_of_part(update, parts->ranges[i], rate);
}

/* The gradients become sums over all ranks, each rank's parts of them, and the totals those of all. */
static enum status exchange(struct update *update, struct totals *totals, struct reduction_parts *parts,
                            struct error *error)
{
    enum status status;
    const struct comm *comm = update->comm;
    const float *gradients = reduction_buffer(update->gradients);
    TRY(reduction_finish(update->gradients, parts, error));
    for (size_t i = 0; comm->on_first_node && i < parts->count; i++)
        totals->squared_norm +=
            vector_sum_of_squares(parts->ranges[i].count, gradients + parts->ranges[i].first);
    if (comm->size > 1)
        TRY(comm_sum_f64(comm, (double *)totals, TOTALS_COUNT, error));
    update->grad_norm = sqrt(totals->squared_norm);
done:
    return status;
}

enum status update_run(struct update *update, const struct batch *batch, double rate, struct totals *totals,
                       struct error *error)
{
    enum status status;
    struct phase_times *times = model_phase_times(update->model);
    struct reduction_parts parts;
    double start = clock_seconds();
    phase_start(times);
    TRY(touched_rows_find(&update->touched, update->comm, batch->inputs, error));
    phase_end(times, PHASE_EXCHANGE);
    double found = clock_seconds();
    totals->loss = my_gradients(update, batch);
    double computed = clock_seconds();

    phase_start(times);
    TRY(exchange(update, totals, &parts, error));
    phase_end(times, PHASE_EXCHANGE);
    double summed = clock_seconds();
    if (update_is_finite(update, totals))
        new_weights(update, &parts, rate);
    phase_end(times, PHASE_UPDATE);
    TRY(update_load_weights(update, error));
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
