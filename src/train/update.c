#include "update.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/dist/agree.h"
#include "new_weights.h"

#include <math.h>

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
        .spec = *spec, .comm = comm, .way = spec->rank_invariant ? &update_invariant : &update_plain};
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
