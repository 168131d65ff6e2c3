#include "validation.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"

#include <math.h>
#include <string.h>

/* The weights, then the states of the optimizer. */
static size_t buffer_count(const struct update *update)
{
    return 1 + optimizer_state_count(&update->spec.optimizer);
}

static float *buffer_of(const struct update *update, size_t i)
{
    return i == 0 ? update->weights : update->states[i - 1];
}

float *validation_best(const struct validation *validation, size_t i)
{
    return validation->best ? validation->best + i * validation->update->parameters.size : NULL;
}

size_t validation_node_bytes(const struct validation *validation)
{
    const struct update *update = validation->update;
    return validation->best ? buffer_count(update) * update->parameters.size * sizeof(float) : 0;
}

enum status validation_create(struct validation *validation, const struct evaluation_spec *spec,
                              struct token_ids ids, struct update *update, bool keeps_best,
                              struct error *error)
{
    enum status status = STATUS_OK;
    void *best = NULL;
    *validation = (struct validation){.update = update};
    if (spec->tokens == 0)
        return STATUS_OK;
    validation->text = (struct evaluation_memory){ids, evaluation_tokens(spec).first};
    TRY(agree_on_status(update->comm, evaluation_create(&validation->evaluation, spec, error), error));
    TRY(agree_on_status(
        update->comm, memory_new(&validation->carried, 2 * model_state(update->model).floats, error), error));
    if (keeps_best)
        TRY(comm_shared_allocate(&validation->shared_best, &best, update->comm,
                                 buffer_count(update) * update->parameters.size * sizeof(float), error));
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

enum status validation_run(struct validation *validation, double *perplexity, struct error *error)
{
    struct update *update = validation->update;
    struct model_state state = model_state(update->model);
    size_t bytes = state.floats * sizeof(float);
    struct evaluation_text text = {evaluation_memory_read, &validation->text};
    double mean_loss;
    memcpy(validation->carried, state.h, bytes);
    if (state.c)
        memcpy(validation->carried + state.floats, state.c, bytes);
    enum status status =
        evaluation_run(&validation->evaluation, update->comm, update->model, &text, &mean_loss, error);
    if (status != STATUS_OK)
        return status;
    memcpy(state.h, validation->carried, bytes);
    if (state.c)
        memcpy(state.c, validation->carried + state.floats, bytes);
    *perplexity = exp(mean_loss);
    return STATUS_OK;
}

/* The ranks of a node copy together, each its part of every buffer. */
static void copy_part(const struct validation *validation, bool put_back)
{
    const struct update *update = validation->update;
    struct range part = partition_range(update->parameters.size, (size_t)update->comm->node_size,
                                        (size_t)update->comm->node_rank);
    for (size_t i = 0; i < buffer_count(update); i++) {
        float *now = buffer_of(update, i) + part.first;
        float *best = validation_best(validation, i) + part.first;
        memcpy(put_back ? now : best, put_back ? best : now, part.count * sizeof *now);
    }
}

static enum status keep(struct validation *validation, struct progress *progress, struct error *error)
{
    progress->best_optimizer_updates = validation->update->optimizer_updates;
    copy_part(validation, false);
    return comm_node_barrier(validation->update->comm, error);
}

static enum status put_back(struct validation *validation, struct progress *progress, struct error *error)
{
    struct update *update = validation->update;
    copy_part(validation, true);
    update->optimizer_updates = progress->best_optimizer_updates;
    progress->optimizer_updates = update->optimizer_updates;
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
        return validation->best ? keep(validation, progress, error) : STATUS_OK;
    }
    progress->intervals_since_best++;
    if (!validation->best || first)
        return STATUS_OK;
    progress->rate_factor *= plateau;
    return put_back(validation, progress, error);
}
