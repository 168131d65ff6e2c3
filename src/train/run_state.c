#include "run_state.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/model/initialize.h"
#include "lstm_mpi/store/checkpoint_shape.h"
#include "lstm_mpi/store/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Views of a flat buffer as tensors of this group of the checkpoint. */
static void view_parameters(struct run_state *run, const char *group, float *buffer)
{
    const struct parameters *parameters = &run->update.parameters;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->table[i];
        struct tensor *tensor = &run->tensors[run->tensor_count++];
        *tensor = (struct tensor){
            .dims = {parameter->dims[0], parameter->dims[1]},
            .dim_count = parameter->dim_count,
            .split_dim = -1,
            .data = buffer + parameter->offset,
            .gates = parameter->gates,
        };
        snprintf(tensor->path, sizeof tensor->path, "%s/%s", group, parameter->path);
    }
}

static void view_optimizer(struct run_state *run)
{
    const struct optimizer *optimizer = &run->update.spec.optimizer;
    for (size_t i = 0; i < optimizer_state_count(optimizer); i++) {
        char group[TENSOR_PATH_BYTES - PARAMETER_PATH_BYTES];
        snprintf(group, sizeof group, "/optimizer/%s", optimizer->ops->state_names[i]);
        view_parameters(run, group, run->update.states[i]);
        if (!run->validation.best)
            continue;
        snprintf(group, sizeof group, "/best/optimizer/%s", optimizer->ops->state_names[i]);
        view_parameters(run, group, validation_best(&run->validation, 1 + i));
    }
}

static void view_state(struct run_state *run, const char *path, float *data, size_t layers)
{
    const struct batches_spec *spec = &run->inputs.spec;
    if (!data)
        return;
    struct tensor *tensor = &run->tensors[run->tensor_count++];
    *tensor = (struct tensor){
        .dims = {layers, spec->batch_size, run->update.spec.model.hidden_size},
        .dim_count = 3,
        .split_dim = 1,
        .local_first = spec->first_row,
        .local_count = spec->row_count,
        .data = data,
    };
    snprintf(tensor->path, sizeof tensor->path, "%s", path);
}

static struct update_spec update_spec_of(const struct run_state *run)
{
    const struct settings *settings = run->settings;
    return (struct update_spec){
        .model = settings_specs_model(settings, vocabulary_size(run->inputs.vocabulary)),
        .rows = run->inputs.spec.row_count,
        .batch_size = run->inputs.spec.batch_size,
        .num_steps = run->inputs.spec.num_steps,
        .optimizer = settings_specs_optimizer(settings),
        .clip_norm = settings->clip_norm,
        .rank_invariant = settings->rank_invariant,
    };
}

static enum status create_parts(struct run_state *run, struct error *error)
{
    enum status status;
    TRY(batches_create(&run->batches, &run->inputs.spec, run->inputs.ids, error));
    TRY(memory_new(&run->epoch_times, (size_t)run->comm->size, error));
    view_parameters(run, "/model", run->update.weights);
    view_optimizer(run);
    if (run->validation.best)
        view_parameters(run, "/best/model", validation_best(&run->validation, 0));
    struct model_state state = model_state(run->update.model);
    view_state(run, "/state/h", state.h, state.layers);
    view_state(run, "/state/c", state.c, state.layers);
done:
    return status;
}

static bool is_weight(const struct tensor *tensor)
{
    return strncmp(tensor->path, "/model/", strlen("/model/")) == 0;
}

/* They are in the checkpoint only where that run would have put them back. */
static bool is_best(const struct tensor *tensor)
{
    return strncmp(tensor->path, "/best/", strlen("/best/")) == 0;
}

/* The ranks of a node read what it holds once together, each its share of the first dimension. */
static struct tensor share_of_node(const struct tensor *whole, const struct comm *comm)
{
    struct tensor share = *whole;
    struct range mine = partition_range(whole->dims[0], (size_t)comm->node_size, (size_t)comm->node_rank);
    size_t index_floats = whole->dim_count == 2 ? whole->dims[1] : 1;
    share.split_dim = 0;
    share.local_first = mine.first;
    share.local_count = mine.count;
    share.data = whole->data + mine.first * index_floats;
    return share;
}

static enum status ask_for_shape(const struct run_state *run, const struct checkpoint *origin,
                                 struct error *error)
{
    size_t hidden = checkpoint_shape_of(origin).hidden;
    if (hidden > 0 && hidden != run->update.spec.model.hidden_size)
        return error_remedy(error, "give --hidden-size %zu, as that model has it", hidden);
    return error_remedy(
        error, "give the options of the shape, such as --num-layers and --bias, as that model has them");
}

/* Each rank reads its share of the weights, and for a run its share of the optimizer's states and its own
 * rows of the carried one. */
static enum status read_tensors(struct run_state *run, const struct checkpoint *origin, bool weights_only,
                                struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < run->tensor_count; i++) {
        struct tensor tensor = run->tensors[i];
        if (weights_only && !is_weight(&tensor))
            continue;
        status = weights_only ? checkpoint_check_tensor(origin, &tensor, error) : STATUS_OK;
        if (status != STATUS_OK)
            return ask_for_shape(run, origin, error);
        if (is_best(&tensor) && !checkpoint_find(origin, tensor.path))
            continue;
        if (tensor.split_dim < 0)
            tensor = share_of_node(&tensor, run->comm);
        TRY(checkpoint_read_tensor(origin, &tensor, error));
    }
    status = checkpoint_check_model(origin, run->tensors, run->tensor_count, error);
    if (status != STATUS_OK)
        ask_for_shape(run, origin, error);
done:
    return status;
}

static enum status check_corpus(const struct run_state *run, const struct checkpoint *origin,
                                struct error *error)
{
    if (origin->corpus_digest == run->inputs.corpus_digest)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "option --corpus");
    error_why(error,
              "the corpus is not the one of %s: its digest is %016" PRIx64 ", the checkpoint's %016" PRIx64,
              origin->path, run->inputs.corpus_digest, origin->corpus_digest);
    return error_remedy(error, "resume with the same text, or begin a new run with --init-from");
}

/* The next update must be one that its epoch has. */
static enum status check_progress(const struct run_state *run, const struct checkpoint *origin,
                                  struct error *error)
{
    const struct progress *progress = &origin->progress;
    const struct batches_spec *spec = &run->inputs.spec;
    size_t updates = batches_updates_at(spec, batches_offset(spec, progress->epoch));
    if (progress->batch < updates)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "cannot go on from %s", origin->path);
    error_why(error, "its next batch is number %" PRIu64 " of an epoch of %zu, counted from 0",
              progress->batch, updates);
    return error_remedy(error, "begin a new run with --init-from");
}

static enum status copy_history(struct run_state *run, const struct checkpoint *origin, struct error *error)
{
    enum status status = STATUS_OK;
    const struct history *history = &origin->history;
    for (size_t i = 0; i < history->count; i++)
        TRY(history_add(&run->history, &history->records[i], history->times + i * history->ranks,
                        history->ranks, error));
done:
    return status;
}

/* Best weights that are not there cannot be put back: the next ones found are the best. */
static bool lacks_best(const struct run_state *run, const struct checkpoint *origin)
{
    for (size_t i = 0; i < run->tensor_count; i++) {
        if (is_best(&run->tensors[i]) && !checkpoint_find(origin, run->tensors[i].path))
            return true;
    }
    return false;
}

static enum status take_over(struct run_state *run, const struct checkpoint *origin, struct error *error)
{
    enum status status;
    TRY(check_corpus(run, origin, error));
    TRY(check_progress(run, origin, error));
    TRY(read_tensors(run, origin, false, error));
    TRY(copy_history(run, origin, error));
    run->progress = origin->progress;
    if (lacks_best(run, origin))
        run->progress.best_valid_perplexity = 0;
    run->update.optimizer_updates = origin->progress.optimizer_updates;
    run->update.number = origin->progress.update;
    if (origin->epoch_times && origin->epoch_ranks > (size_t)run->comm->rank)
        run->earlier_times = origin->epoch_times[run->comm->rank];
done:
    return status;
}

static enum status fill_parts(struct run_state *run, const struct checkpoint *origin, bool resume,
                              struct error *error)
{
    if (origin && resume)
        return take_over(run, origin, error);
    if (origin)
        return read_tensors(run, origin, true, error);
    (run->settings->init == SETTINGS_INIT_UNIFORM ? initialize_uniform : initialize_normal)(
        run->update.weights, &run->update.parameters, run->settings->seed, (size_t)run->comm->node_rank,
        (size_t)run->comm->node_size);
    return STATUS_OK;
}

enum status run_state_create(struct run_state *run, const struct comm *comm, struct settings *settings,
                             const struct checkpoint *origin, bool resume,
                             const struct trainer_observer *observer, struct error *error)
{
    enum status status = STATUS_OK;
    struct vocabulary *vocabulary = NULL;
    struct token_rules rules = settings_specs_tokens(settings);
    *run = (struct run_state){.comm = comm, .settings = settings, .progress = {.rate_factor = 1}};
    if (origin)
        status = checkpoint_read_vocabulary(&vocabulary, origin, &rules, error);
    TRY(agree_on_status(comm, status, error));
    TRY(inputs_read(&run->inputs, comm, settings, vocabulary, observer, error));
    struct update_spec spec = update_spec_of(run);
    TRY(update_create(&run->update, comm, &spec, error));
    TRY(validation_create(&run->validation, &run->inputs.held_out, run->inputs.held_out_ids, &run->update,
                          settings->lr_plateau != 1, error));
    TRY(agree_on_status(comm, create_parts(run, error), error));
    TRY(agree_on_status(comm, fill_parts(run, origin, resume, error), error));
    TRY(update_load_weights(&run->update, error));
done:
    if (run->inputs.vocabulary == vocabulary)
        run->inputs.owns_vocabulary = true;
    else
        vocabulary_destroy(vocabulary);
    return status;
}

void run_state_free(struct run_state *run)
{
    batches_destroy(run->batches);
    validation_free(&run->validation);
    update_free(&run->update);
    inputs_free(&run->inputs);
    history_free(&run->history);
    memory_free(run->epoch_times);
    *run = (struct run_state){0};
}

struct rank_times run_state_epoch_times(const struct run_state *run)
{
    return (struct rank_times){
        .compute_seconds =
            run->earlier_times.compute_seconds + run->update.compute_seconds - run->compute_at_epoch,
        .wait_seconds = run->earlier_times.wait_seconds + run->update.wait_seconds - run->wait_at_epoch,
    };
}

enum status run_state_snapshot(struct run_state *run, struct snapshot *snapshot, struct error *error)
{
    struct rank_times mine = run_state_epoch_times(run);
    enum status status = comm_gather(run->comm, &mine, sizeof mine, run->epoch_times, error);
    *snapshot = (struct snapshot){
        .settings = run->settings,
        .corpus_digest = run->inputs.corpus_digest,
        .vocabulary = run->inputs.vocabulary,
        .tensors = run->tensors,
        .tensor_count = run->tensor_count,
        .progress = run->progress,
        .history = &run->history,
        .epoch_times = run->epoch_times,
        .epoch_ranks = (size_t)run->comm->size,
    };
    return status;
}
