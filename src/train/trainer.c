#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/dist/watch.h"

#include <math.h>

static const struct trainer_observer silent_observer;

/* Does a signal or the clock end the run after this update? */
static bool is_stopped(const struct totals *totals, enum trainer_end *end)
{
    if (totals->signals > 0)
        *end = TRAINER_STOPPED_BY_SIGNAL;
    else if (totals->time_is_up > 0)
        *end = TRAINER_STOPPED_BY_CLOCK;
    return totals->signals > 0 || totals->time_is_up > 0;
}

/* Until the epochs are done or something asks for a stop. */
static enum status train(struct trainer *trainer, enum trainer_end *end, struct error *error)
{
    enum status status = STATUS_OK;
    const struct settings *settings = trainer->settings;
    struct run_state *run = &trainer->run;
    *end = TRAINER_FINISHED;
    while (!trainer_standing_is_finished(trainer)) {
        struct batch batch;
        trainer_epoch_begin(trainer);
        bool more = batches_next(run->batches, &batch);
        while (more) {
            struct totals totals;
            if (settings->max_updates > 0 && run->progress.update >= settings->max_updates) {
                *end = TRAINER_MAX_UPDATES;
                return STATUS_OK;
            }
            TRY(trainer_epoch_update(trainer, &batch, &totals, error));
            more = batches_next(run->batches, &batch);
            if (!more)
                TRY(trainer_epoch_end(trainer, error));
            if (trainer_standing_is_finished(trainer))
                return STATUS_OK;
            if (is_stopped(&totals, end))
                return STATUS_OK;
            if (totals.checkpoint_due > 0 && trainer->checkpoint_update != run->progress.update)
                TRY(trainer_save(trainer, error));
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
        TRY(trainer_save(trainer, error));
    if (trainer->observer->end)
        trainer->observer->end(trainer->observer->context, result);
    if (updates > 0 && result->end != TRAINER_STOPPED_BY_SIGNAL && result->end != TRAINER_STOPPED_BY_CLOCK)
        TRY(trainer_samples_show(trainer, error));
done:
    return status;
}

enum status trainer_run(const struct comm *comm, struct settings *settings,
                        const struct trainer_observer *observer, struct trainer_result *result,
                        struct error *error)
{
    enum status status;
    struct trainer trainer = {
        .comm = comm,
        .settings = settings,
        .observer = comm->rank == 0 ? observer : &silent_observer,
        .started_at = clock_seconds(),
    };
    *result = (struct trainer_result){.perplexity = NAN};
    status = trainer_start(&trainer, observer, error);
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
done:
    watch_end(trainer.watch);
    samples_free(&trainer.samples);
    run_state_free(&trainer.run);
    run_directory_free(&trainer.directory);
    return status;
}
