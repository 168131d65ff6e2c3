#include "validation.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"

#include <math.h>
#include <string.h>

static size_t weights_bytes(const struct validation *validation)
{
    return validation->update->parameters.size * sizeof(float);
}

enum status validation_create(struct validation *validation, const struct evaluation_spec *spec,
                              const uint32_t *ids, struct update *update, bool keeps_best,
                              struct error *error)
{
    enum status status = STATUS_OK;
    void *best = NULL;
    *validation = (struct validation){.update = update, .ids = ids};
    if (spec->tokens == 0)
        return STATUS_OK;
    TRY(agree_on_status(update->comm, evaluation_create(&validation->evaluation, spec, error), error));
    TRY(agree_on_status(
        update->comm, memory_new(&validation->carried, 2 * model_state(update->model).floats, error), error));
    if (keeps_best)
        TRY(comm_shared_allocate(&validation->shared_best, &best, update->comm, weights_bytes(validation),
                                 error));
    validation->best = best;
done:
    if (status != STATUS_OK)
        validation_free(validation);
    return status;
}

void validation_free(struct validation *validation)
{
    evaluation_free(&validation->evaluation);
    memory_free(validation->carried);
    comm_shared_free(validation->shared_best);
    *validation = (struct validation){0};
}

size_t validation_node_bytes(const struct validation *validation)
{
    return validation->best ? weights_bytes(validation) : 0;
}

enum status validation_run(struct validation *validation, double *perplexity, struct error *error)
{
    struct update *update = validation->update;
    struct model_state state = model_state(update->model);
    size_t bytes = state.floats * sizeof(float);
    double mean_loss;
    memcpy(validation->carried, state.h, bytes);
    if (state.c)
        memcpy(validation->carried + state.floats, state.c, bytes);
    enum status status = evaluation_run(&validation->evaluation, update->comm, update->model, validation->ids,
                                        &mean_loss, error);
    if (status != STATUS_OK)
        return status;
    memcpy(state.h, validation->carried, bytes);
    if (state.c)
        memcpy(state.c, validation->carried + state.floats, bytes);
    *perplexity = exp(mean_loss);
    return STATUS_OK;
}

/* This rank's part of the flat buffers, which the ranks of a node copy together. */
static struct range my_part(const struct update *update)
{
    return partition_range(update->parameters.size, (size_t)update->comm->node_size,
                           (size_t)update->comm->node_rank);
}

static enum status keep_weights(struct validation *validation, struct error *error)
{
    const struct update *update = validation->update;
    struct range part = my_part(update);
    memcpy(validation->best + part.first, update->weights + part.first, part.count * sizeof(float));
    return comm_node_barrier(update->comm, error);
}

/* The states lead on from where the weights no longer are. */
static enum status put_back(struct validation *validation, struct error *error)
{
    struct update *update = validation->update;
    struct range part = my_part(update);
    memcpy(update->weights + part.first, validation->best + part.first, part.count * sizeof(float));
    for (size_t i = 0; i < optimizer_state_count(&update->spec.optimizer); i++)
        memset(update->states[i] + part.first, 0, part.count * sizeof(float));
    update->optimizer_updates = 0;
    return update_load_weights(update, error);
}

enum status validation_judge(struct validation *validation, double perplexity, double plateau,
                             struct progress *progress, bool *better, struct error *error)
{
    bool first = progress->best_valid_perplexity == 0;
    *better = isfinite(perplexity) && (first || perplexity < progress->best_valid_perplexity);
    if (*better) {
        progress->best_valid_perplexity = perplexity;
        progress->best_update = progress->update;
        progress->intervals_since_best = 0;
        return validation->best ? keep_weights(validation, error) : STATUS_OK;
    }
    progress->intervals_since_best++;
    if (!validation->best || first)
        return STATUS_OK;
    progress->rate_factor *= plateau;
    enum status status = put_back(validation, error);
    progress->optimizer_updates = validation->update->optimizer_updates;
    return status;
}
