#include "lstm_mpi/train/trainer.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/metrics_file.h"
#include "lstm_mpi/store/run_directory.h"
#include "lstm_mpi/train/stop.h"
#include "resume.h"
#include "run_state.h"
#include "samples.h"
#include "stage.h"

#include <inttypes.h>
#include <math.h>

struct trainer {
    const struct comm *comm;
    struct settings *settings;
    const struct trainer_observer *observer; /* empty on all ranks but rank 0 */
    struct run_directory directory;
    struct run_state run;
    struct samples samples; /* rank 0 alone */
    struct watch *watch;
    double started_at;
    double trained_at;     /* clock at the first update of this start */
    double seconds_before; /* of training, before this start */
    uint64_t updates_before;
    double epoch_seconds_before;
    double epoch_started_at;
    double checkpoint_at;
    uint64_t checkpoint_update; /* of the newest checkpoint */
    uint64_t checkpoint_epoch;
    uint64_t validated_update; /* of the newest validation; 0: none */
    double valid_perplexity;
};

static const struct trainer_observer silent_observer;

static bool is_finished(const struct trainer *trainer)
{
    const struct progress *progress = &trainer->run.progress;
    const struct settings *settings = trainer->settings;
    bool impatient = settings->patience > 0 && progress->intervals_since_best >= settings->patience;
    return progress->epoch >= settings->epochs || impatient;
}

static double epoch_seconds(const struct trainer *trainer)
{
    return trainer->epoch_seconds_before + clock_seconds() - trainer->epoch_started_at;
}

static double run_seconds(const struct trainer *trainer)
{
    return trainer->seconds_before + clock_seconds() - trainer->trained_at;
}

static enum status write_metrics(struct trainer *trainer, struct error *error)
{
    enum status status = STATUS_OK;
    watch_step(trainer->comm, STAGE_METRICS, 0);
    if (trainer->comm->rank == 0)
        status = metrics_file_write(trainer->directory.metrics, &trainer->run.history, error);
    return agree_on_status(trainer->comm, status, error);
}

static enum status snapshot_now(struct trainer *trainer, struct snapshot *snapshot, struct error *error)
{
    struct progress *progress = &trainer->run.progress;
    progress->seconds = run_seconds(trainer);
    progress->epoch_seconds = progress->batch > 0 ? epoch_seconds(trainer) : 0;
    progress->finished = is_finished(trainer);
    return run_state_snapshot(&trainer->run, snapshot, error);
}

static enum status save(struct trainer *trainer, struct error *error)
{
    enum status status;
    struct snapshot snapshot;
    const struct progress *progress = &trainer->run.progress;
    double start = clock_seconds();
    watch_step(trainer->comm, STAGE_CHECKPOINT, 0);
    TRY(snapshot_now(trainer, &snapshot, error));
    TRY(run_directory_write_checkpoint(&trainer->directory, trainer->comm, &snapshot, trainer->settings->keep,
                                       error));
    TRY(write_metrics(trainer, error));
    trainer->checkpoint_at = clock_seconds();
    trainer->checkpoint_update = progress->update;
    trainer->checkpoint_epoch = progress->epoch;
    if (trainer->observer->checkpoint)
        trainer->observer->checkpoint(trainer->observer->context, trainer->directory.checkpoint,
                                      trainer->checkpoint_at - start);
done:
    return status;
}

/* With --resume the newest good checkpoint of the run, else the file of --init-from, else nothing. */
static enum status find_origin(struct trainer *trainer, struct checkpoint **origin, bool *resume,
                               struct error *error)
{
    enum status status;
    struct settings *settings = trainer->settings;
    *resume = false;
    enum run_claim claim = settings->resume      ? RUN_CLAIM_RESUME
                           : settings->overwrite ? RUN_CLAIM_OVERWRITE
                                                 : RUN_CLAIM_NEW;
    TRY(run_directory_claim(&trainer->directory, trainer->comm, settings->run_dir, claim, error));
    if (settings->resume)
        TRY(resume_open_newest(origin, &trainer->directory, trainer->comm, error));
    if (*origin) {
        *resume = true;
        TRY(agree_on_status(
            trainer->comm,
            settings_saved_resume(settings, (*origin)->saved, (*origin)->saved_count, (*origin)->path, error),
            error));
        TRY(settings_check_validation(settings, error));
    } else if (settings->init_from) {
        TRY(checkpoint_open(origin, trainer->comm, settings->init_from, CHECKPOINT_MODEL, error));
        TRY(agree_on_status(
            trainer->comm,
            settings_saved_shape(settings, (*origin)->saved, (*origin)->saved_count, (*origin)->path, error),
            error));
    }
    TRY(settings_check_model(settings, error));
done:
    return status;
}

static struct trainer_facts facts_of(const struct trainer *trainer, const struct checkpoint *origin,
                                     bool resume)
{
    const struct run_state *run = &trainer->run;
    return (struct trainer_facts){
        .corpus_tokens = run->inputs.corpus_tokens,
        .trained_tokens = run->inputs.spec.tokens,
        .vocabulary_size = vocabulary_size(run->inputs.vocabulary),
        .learned_parameters = parameters_learned(&run->update.parameters),
        .node_bytes = update_node_bytes(&run->update) + validation_node_bytes(&run->validation),
        .state_bytes = update_state_bytes(&run->update),
        .held_out_tokens = run->inputs.held_out.tokens,
        .rank_bytes = update_rank_bytes(&run->update),
        .resumed_update = run->progress.update,
        .resumed_epoch = run->progress.epoch,
        .resumed_from = resume ? origin->path : NULL,
        .history = &run->history,
        .finished_before = is_finished(trainer),
    };
}

static enum status create_samples(struct trainer *trainer, struct error *error)
{
    enum status status = STATUS_OK;
    if (trainer->comm->rank == 0 && trainer->observer->sample)
        status = samples_create(&trainer->samples, trainer->settings, &trainer->run.update.spec.model,
                                trainer->run.update.weights, trainer->run.inputs.vocabulary, error);
    return agree_on_status(trainer->comm, status, error);
}

static enum status show_samples(struct trainer *trainer, struct error *error)
{
    watch_step(trainer->comm, STAGE_SAMPLES, 0);
    enum status status = samples_show(&trainer->samples, trainer->observer, error);
    return agree_on_status(trainer->comm, status, error);
}

/* Once the settings are those of the checkpoint. */
static enum status start_watch(struct trainer *trainer, const struct trainer_observer *observer,
                               struct error *error)
{
    struct watch_spec spec = {
        .timeout_seconds = trainer->settings->stall_timeout,
        .stages = stage_names,
        .stalled = observer->stalled,
        .context = observer->context,
    };
    watch_step(trainer->comm, STAGE_SETUP, 0);
    return watch_start(&trainer->watch, trainer->comm, &spec, error);
}

static enum status start(struct trainer *trainer, const struct trainer_observer *observer,
                         struct error *error)
{
    enum status status;
    struct checkpoint *origin = NULL;
    bool resume;
    TRY(find_origin(trainer, &origin, &resume, error));
    TRY(start_watch(trainer, observer, error));
    TRY(run_state_create(&trainer->run, trainer->comm, trainer->settings, origin, resume, trainer->observer,
                         error));
    TRY(run_directory_make(&trainer->directory, trainer->comm, error));
    TRY(create_samples(trainer, error));
    trainer->seconds_before = trainer->run.progress.seconds;
    trainer->updates_before = trainer->run.progress.update;
    if (trainer->observer->begin) {
        struct trainer_facts facts = facts_of(trainer, origin, resume);
        trainer->observer->begin(trainer->observer->context, trainer->settings, &facts);
    }
    trainer->trained_at = clock_seconds();
    trainer->checkpoint_at = trainer->trained_at;
    trainer->checkpoint_update = trainer->run.progress.update;
    trainer->checkpoint_epoch = trainer->run.progress.epoch;
    if (!resume) {
        TRY(show_samples(trainer, error));
        trainer->trained_at = clock_seconds();
        TRY(save(trainer, error));
        trainer->trained_at = clock_seconds();
    }
done:
    checkpoint_close(origin);
    return status;
}

/* In double: settings may ask for more epochs than their updates can be counted. */
static double updates_left(const struct trainer *trainer, uint64_t epoch, uint64_t updates_of_epoch)
{
    const struct progress *progress = &trainer->run.progress;
    const struct settings *settings = trainer->settings;
    double left = (double)(settings->epochs - epoch) * (double)updates_of_epoch +
                  (double)(updates_of_epoch - progress->batch);
    if (settings->max_updates == 0)
        return left;
    return fmin(left, (double)(settings->max_updates - progress->update));
}

static struct trainer_standing standing_of(const struct trainer *trainer, uint64_t epoch)
{
    const struct progress *progress = &trainer->run.progress;
    const struct settings *settings = trainer->settings;
    uint64_t updates_of_epoch = batches_updates(trainer->run.batches);
    double seconds = epoch_seconds(trainer);
    double pace =
        (clock_seconds() - trainer->trained_at) / (double)(progress->update - trainer->updates_before);
    return (struct trainer_standing){
        .epoch = epoch,
        .epochs = settings->epochs,
        .update_of_epoch = progress->batch,
        .updates_of_epoch = updates_of_epoch,
        .update = progress->update,
        .perplexity = exp(progress->loss_sum / (double)progress->epoch_tokens),
        .valid_perplexity = NAN,
        .tokens_per_second = (double)progress->epoch_tokens / seconds,
        .grad_norm = progress->grad_norm_sum / (double)progress->batch,
        .elapsed_seconds = run_seconds(trainer),
        .left_seconds = pace * updates_left(trainer, epoch, updates_of_epoch),
    };
}

static struct totals my_totals(const struct trainer *trainer)
{
    const struct settings *settings = trainer->settings;
    struct totals totals = {.signals = stop_signal() ? 1 : 0};
    if (trainer->comm->rank == 0) {
        double now = clock_seconds();
        totals.time_is_up =
            settings->max_minutes > 0 && now - trainer->started_at >= 60 * settings->max_minutes;
        totals.checkpoint_due = settings->checkpoint_every_minutes > 0 &&
                                now - trainer->checkpoint_at >= 60 * settings->checkpoint_every_minutes;
    }
    return totals;
}

static enum status not_finite(const struct trainer *trainer, const struct totals *totals, struct error *error)
{
    const struct progress *progress = &trainer->run.progress;
    error_set(error, STATUS_FAILED, "training cannot go on in epoch %" PRIu64 ", update %" PRIu64,
              progress->epoch + 1, progress->update + 1);
    error_why(error, "the %s is not finite", isfinite(totals->loss) ? "norm of the gradients" : "loss");
    return error_remedy(
        error, "use a smaller --lr or --clip-norm; the last checkpoint, of update %" PRIu64 ", is in %s",
        trainer->checkpoint_update, trainer->settings->run_dir);
}

/* The perplexity of the held-out part. The time that it takes is not training's. */
static enum status validate(struct trainer *trainer, struct trainer_standing *standing, struct error *error)
{
    enum status status = STATUS_OK;
    struct run_state *run = &trainer->run;
    double start = clock_seconds();
    if (run->inputs.held_out.tokens == 0)
        return STATUS_OK;
    if (trainer->validated_update != run->progress.update) {
        TRY(validation_run(&run->validation, &trainer->valid_perplexity, error));
        trainer->validated_update = run->progress.update;
        trainer->epoch_started_at += clock_seconds() - start;
    }
    standing->valid_perplexity = trainer->valid_perplexity;
done:
    return status;
}

/* What the perplexity of the held-out part means, if it was taken: better weights are written to best.h5. */
static enum status judge(struct trainer *trainer, const struct trainer_standing *standing,
                         struct error *error)
{
    enum status status;
    struct run_state *run = &trainer->run;
    struct snapshot snapshot;
    bool better;
    if (run->inputs.held_out.tokens == 0 || trainer->validated_update != run->progress.update)
        return STATUS_OK;
    TRY(validation_judge(&run->validation, standing->valid_perplexity, trainer->settings->lr_plateau,
                         &run->progress, &better, error));
    if (!better)
        goto done;
    TRY(snapshot_now(trainer, &snapshot, error));
    TRY(run_directory_write_best(&trainer->directory, trainer->comm, &snapshot, error));
done:
    return status;
}

/* Log lines within an epoch end a log interval; the one at its end does that of the epoch. */
static enum status end_update(struct trainer *trainer, struct error *error)
{
    enum status status = STATUS_OK;
    const struct settings *settings = trainer->settings;
    const struct progress *progress = &trainer->run.progress;
    struct trainer_standing standing = standing_of(trainer, progress->epoch + 1);
    if (settings->log_every_updates > 0 && progress->update % settings->log_every_updates == 0) {
        TRY(validate(trainer, &standing, error));
        if (progress->batch < standing.updates_of_epoch)
            TRY(judge(trainer, &standing, error));
    }
    if (trainer->observer->update)
        trainer->observer->update(trainer->observer->context, &standing);
done:
    return status;
}

static enum status make_update(struct trainer *trainer, const struct batch *batch, struct totals *totals,
                               struct error *error)
{
    struct run_state *run = &trainer->run;
    struct progress *progress = &run->progress;
    struct schedule schedule = settings_specs_schedule(trainer->settings);
    double rate = progress->rate_factor * schedule_rate(&schedule, progress->epoch + 1, progress->update + 1);
    watch_step(trainer->comm, STAGE_UPDATE, progress->update + 1);
    *totals = my_totals(trainer);
    enum status status = update_run(&run->update, batch, rate, totals, error);
    if (status != STATUS_OK)
        return status;
    if (!update_is_finite(&run->update, totals))
        return not_finite(trainer, totals, error);
    uint64_t targets = run->inputs.spec.batch_size * run->inputs.spec.num_steps;
    progress->batch++;
    progress->update++;
    progress->tokens_seen += targets;
    progress->epoch_tokens += targets;
    progress->loss_sum += totals->loss;
    progress->grad_norm_sum += run->update.grad_norm;
    progress->rate = rate;
    progress->optimizer_updates = run->update.optimizer_updates;
    return end_update(trainer, error);
}

/* Starts the epoch, or goes on within it after a resume. */
static void begin_epoch(struct trainer *trainer)
{
    struct run_state *run = &trainer->run;
    struct progress *progress = &run->progress;
    batches_start_epoch(run->batches, progress->epoch, progress->batch);
    progress->start_offset = batches_start_offset(run->batches);
    if (progress->batch == 0) {
        model_zero_state(run->update.model);
        progress->loss_sum = 0;
        progress->epoch_tokens = 0;
        progress->grad_norm_sum = 0;
        progress->epoch_seconds = 0;
        run->earlier_times = (struct rank_times){0};
    }
    run->compute_at_epoch = run->update.compute_seconds;
    run->wait_at_epoch = run->update.wait_seconds;
    trainer->epoch_seconds_before = progress->epoch_seconds;
    trainer->epoch_started_at = clock_seconds();
}

/* Each node has one copy of the weights. */
static enum status check_weights(struct trainer *trainer, struct error *error)
{
    const struct update *update = &trainer->run.update;
    if (trainer->comm->nodes == 1)
        return STATUS_OK;
    uint64_t digest = digest_of(update->weights, update->parameters.size * sizeof *update->weights);
    return agree_same(trainer->comm, digest, "weights", error);
}

static enum status record_epoch(struct trainer *trainer, const struct trainer_standing *standing,
                                struct error *error)
{
    enum status status;
    struct run_state *run = &trainer->run;
    struct rank_times mine = run_state_epoch_times(run);
    struct epoch_record record = {
        .epoch = (int64_t)standing->epoch,
        .perplexity = standing->perplexity,
        .valid_perplexity = standing->valid_perplexity,
        .tokens_per_second = standing->tokens_per_second,
        .seconds = standing->elapsed_seconds,
        .grad_norm = standing->grad_norm,
    };
    TRY(comm_gather(trainer->comm, &mine, sizeof mine, run->epoch_times, error));
    TRY(agree_on_status(
        trainer->comm,
        history_add(&run->history, &record, run->epoch_times, (size_t)trainer->comm->size, error), error));
done:
    return status;
}

/* The epoch's record, the check of the weights, and what is written at its end. */
static enum status end_epoch(struct trainer *trainer, struct error *error)
{
    enum status status;
    const struct settings *settings = trainer->settings;
    struct progress *progress = &trainer->run.progress;
    struct trainer_standing standing = standing_of(trainer, progress->epoch + 1);
    TRY(check_weights(trainer, error));
    if (standing.epoch % settings->log_every == 0 || standing.epoch == settings->epochs ||
        trainer->validated_update == progress->update)
        TRY(validate(trainer, &standing, error));
    TRY(record_epoch(trainer, &standing, error));
    progress->epoch++;
    progress->batch = 0;
    TRY(judge(trainer, &standing, error));
    if (trainer->observer->epoch)
        trainer->observer->epoch(trainer->observer->context, &standing);
    if (settings->checkpoint_every > 0 && progress->epoch % settings->checkpoint_every == 0)
        TRY(save(trainer, error));
    else if (progress->epoch % settings->log_every == 0)
        TRY(write_metrics(trainer, error));
done:
    return status;
}

/* Until the epochs are done or something asks for a stop. */
static enum status train(struct trainer *trainer, enum trainer_end *end, struct error *error)
{
    enum status status = STATUS_OK;
    const struct settings *settings = trainer->settings;
    struct run_state *run = &trainer->run;
    *end = TRAINER_FINISHED;
    while (!is_finished(trainer)) {
        struct batch batch;
        begin_epoch(trainer);
        bool more = batches_next(run->batches, &batch);
        while (more) {
            struct totals totals;
            if (settings->max_updates > 0 && run->progress.update >= settings->max_updates) {
                *end = TRAINER_MAX_UPDATES;
                return STATUS_OK;
            }
            TRY(make_update(trainer, &batch, &totals, error));
            more = batches_next(run->batches, &batch);
            if (!more)
                TRY(end_epoch(trainer, error));
            if (is_finished(trainer))
                return STATUS_OK;
            if (totals.signals > 0 || totals.time_is_up > 0) {
                *end = totals.signals > 0 ? TRAINER_STOPPED_BY_SIGNAL : TRAINER_STOPPED_BY_CLOCK;
                return STATUS_OK;
            }
            if (totals.checkpoint_due > 0 && trainer->checkpoint_update != run->progress.update)
                TRY(save(trainer, error));
        }
    }
done:
    return status;
}

static enum status finish(struct trainer *trainer, struct trainer_result *result, struct error *error)
{
    enum status status = STATUS_OK;
    const struct run_state *run = &trainer->run;
    const struct progress *progress = &run->progress;
    uint64_t updates = progress->update - trainer->updates_before;
    double seconds = clock_seconds() - trainer->trained_at;
    uint64_t targets = run->inputs.spec.batch_size * run->inputs.spec.num_steps;
    result->update = progress->update;
    if (result->end == TRAINER_FINISHED && progress->epoch < trainer->settings->epochs)
        result->end = TRAINER_OUT_OF_PATIENCE;
    result->best_valid_perplexity = progress->best_valid_perplexity;
    result->best_update = progress->best_update;
    result->tokens_per_second = updates > 0 ? (double)(updates * targets) / seconds : 0;
    result->perplexity =
        run->history.count > 0 ? run->history.records[run->history.count - 1].perplexity : NAN;
    if (trainer->checkpoint_update != progress->update || trainer->checkpoint_epoch != progress->epoch)
        TRY(save(trainer, error));
    if (trainer->observer->end)
        trainer->observer->end(trainer->observer->context, result);
    if (updates > 0 && result->end != TRAINER_STOPPED_BY_SIGNAL && result->end != TRAINER_STOPPED_BY_CLOCK)
        TRY(show_samples(trainer, error));
done:
    return status;
}

enum status trainer_run(const struct comm *comm, struct settings *settings,
                        const struct trainer_observer *observer, struct trainer_result *result,
                        struct phase_times *times, struct error *error)
{
    enum status status;
    struct trainer trainer = {
        .comm = comm,
        .settings = settings,
        .observer = comm->rank == 0 ? observer : &silent_observer,
        .started_at = clock_seconds(),
    };
    *result = (struct trainer_result){.perplexity = NAN};
    status = start(&trainer, observer, error);
    if (status == STATUS_STOPPED) {
        result->end = TRAINER_STOPPED_WHILE_READING;
        if (trainer.observer->end)
            trainer.observer->end(trainer.observer->context, result);
        *error = (struct error){0};
        status = STATUS_OK;
        goto done;
    }
    TRY(status);
    TRY(train(&trainer, &result->end, error));
    TRY(finish(&trainer, result, error));
    if (times)
        *times = *model_phase_times(trainer.run.update.model);
done:
    watch_end(trainer.watch);
    samples_free(&trainer.samples);
    run_state_free(&trainer.run);
    run_directory_free(&trainer.directory);
    return status;
}
