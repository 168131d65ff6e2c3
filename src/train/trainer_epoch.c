#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/train/stop.h"
#include "stage.h"

#include <inttypes.h>
#include <math.h>

void trainer_epoch_begin(struct trainer *trainer)
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

/* Log lines within an epoch end a log interval; the one at its end does that of the epoch. */
static enum status end_update(struct trainer *trainer, struct error *error)
{
    enum status status = STATUS_OK;
    const struct settings *settings = trainer->settings;
    const struct progress *progress = &trainer->run.progress;
    struct trainer_standing standing = trainer_standing_now(trainer, progress->epoch + 1);
    if (settings->log_every_updates > 0 && progress->update % settings->log_every_updates == 0) {
        TRY(trainer_validate(trainer, &standing, error));
        if (progress->batch < standing.updates_of_epoch)
            TRY(trainer_validate_judge(trainer, &standing, error));
    }
    if (trainer->observer->update)
        trainer->observer->update(trainer->observer->context, &standing);
done:
    return status;
}

enum status trainer_epoch_update(struct trainer *trainer, const struct batch *batch, struct totals *totals,
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

enum status trainer_epoch_end(struct trainer *trainer, struct error *error)
{
    enum status status;
    const struct settings *settings = trainer->settings;
    struct progress *progress = &trainer->run.progress;
    struct trainer_standing standing = trainer_standing_now(trainer, progress->epoch + 1);
    TRY(check_weights(trainer, error));
    if (standing.epoch % settings->log_every == 0 || standing.epoch == settings->epochs ||
        trainer->validated_update == progress->update)
        TRY(trainer_validate(trainer, &standing, error));
    TRY(record_epoch(trainer, &standing, error));
    progress->epoch++;
    progress->batch = 0;
    TRY(trainer_validate_judge(trainer, &standing, error));
    if (trainer->observer->epoch)
        trainer->observer->epoch(trainer->observer->context, &standing);
    if (settings->checkpoint_every > 0 && progress->epoch % settings->checkpoint_every == 0) {
        TRY(trainer_save(trainer, error));
    } else if (progress->epoch % settings->log_every == 0) {
        TRY(run_directory_check(&trainer->directory, trainer->comm, error));
        TRY(trainer_save_metrics(trainer, error));
    }
done:
    return status;
}
