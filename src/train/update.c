#include "update.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/optim/clip.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(struct totals) % sizeof(double) == 0, "struct totals is summed as doubles");
enum { TOTALS_COUNT = sizeof(struct totals) / sizeof(double) };

enum status update_create(struct update *update, const struct update_spec *spec, struct error *error)
{
    enum status status;
    size_t inputs = spec->rows * spec->num_steps;
    size_t all_inputs = spec->batch_size * spec->num_steps;
    size_t V = spec->model.vocabulary_size;
    *update = (struct update){.spec = *spec};
    TRY(parameters_layout(&update->parameters, &spec->model, error));
    TRY(model_create(&update->model, &spec->model, spec->rows, spec->num_steps, error));
    TRY(touched_rows_create(&update->touched, V, inputs, all_inputs, error));
    TRY(memory_new(&update->weights, update->parameters.size, error));
    size_t most_rows = all_inputs < V ? all_inputs : V;
    TRY(memory_new(&update->gradients,
                   update->parameters.dense_size + most_rows * update->parameters.row_size, error));
done:
    if (status != STATUS_OK)
        update_free(update);
    return status;
}

void update_free(struct update *update)
{
    model_destroy(update->model);
    touched_rows_free(&update->touched);
    memory_free(update->weights);
    memory_free(update->gradients);
    *update = (struct update){0};
}

void update_load_weights(struct update *update)
{
    model_load(update->model, update->weights);
}

/* Leaves this rank's gradient of the mean loss over the global batch in `gradients`; returns the sum of the
 * losses of its rows. */
static double my_gradients(struct update *update, const struct batch *batch)
{
    size_t dense = update->parameters.dense_size;
    memset(update->gradients + dense, 0,
           update->touched.count * update->parameters.row_size * sizeof *update->gradients);
    if (batch->state_starts_at_zero)
        model_zero_state(update->model);
    float scale = 1.0F / (float)(update->spec.batch_size * update->spec.num_steps);
    struct model_batch model_batch = {batch->inputs, batch->targets, update->touched.row_of_input};
    return model_gradients(update->model, &model_batch, scale, update->gradients);
}

static void new_weights(struct update *update, double rate)
{
    const struct parameters *parameters = &update->parameters;
    double factor = clip_factor(update->grad_norm, update->spec.clip_norm);
    size_t dense = parameters->dense_size;
    size_t row_size = parameters->row_size;
    update->spec.optimizer->update(update->weights, update->gradients, dense, factor, rate);
    for (size_t i = 0; i < update->touched.count; i++)
        update->spec.optimizer->update(update->weights + dense + update->touched.tokens[i] * row_size,
                                       update->gradients + dense + i * row_size, row_size, factor, rate);
}

enum status update_run(struct update *update, const struct comm *comm, const struct batch *batch, double rate,
                       struct totals *totals, struct error *error)
{
    enum status status;
    struct phase_times *times = model_phase_times(update->model);
    double start = clock_seconds();
    phase_start(times);
    TRY(touched_rows_find(&update->touched, comm, batch->inputs, error));
    phase_end(times, PHASE_EXCHANGE);
    double found = clock_seconds();
    totals->loss = my_gradients(update, batch);
    double computed = clock_seconds();

    phase_start(times);
    size_t exchanged = update->parameters.dense_size + update->touched.count * update->parameters.row_size;
    if (comm->size > 1) {
        TRY(comm_sum_f32(comm, update->gradients, exchanged, error));
        TRY(comm_sum_f64(comm, (double *)totals, TOTALS_COUNT, error));
    }
    phase_end(times, PHASE_EXCHANGE);
    double summed = clock_seconds();
    update->grad_norm = sqrt(vector_sum_of_squares(exchanged, update->gradients));
    if (update_is_finite(update, totals))
        new_weights(update, rate);
    phase_end(times, PHASE_UPDATE);
    update_load_weights(update);
    update->wait_seconds += (found - start) + (summed - computed);
    update->compute_seconds += (computed - found) + (clock_seconds() - summed);
done:
    return status;
}

bool update_is_finite(const struct update *update, const struct totals *totals)
{
    return isfinite(totals->loss) && isfinite(update->grad_norm);
}
