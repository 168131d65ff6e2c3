#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"

#include <math.h>

bool trainer_standing_is_finished(const struct trainer *trainer)
{
    const struct progress *progress = &trainer->run.progress;
    const struct settings *settings = trainer->settings;
    bool impatient = settings->patience > 0 && progress->intervals_since_best >= settings->patience;
    return progress->epoch >= settings->epochs || impatient;
}

double trainer_standing_epoch_seconds(const struct trainer *trainer)
{
    return trainer->epoch_seconds_before + clock_seconds() - trainer->epoch_started_at;
}

double trainer_standing_run_seconds(const struct trainer *trainer)
{
    return trainer->seconds_before + clock_seconds() - trainer->trained_at;
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

struct trainer_standing trainer_standing_now(const struct trainer *trainer, uint64_t epoch)
{
    const struct progress *progress = &trainer->run.progress;
    const struct settings *settings = trainer->settings;
    uint64_t updates_of_epoch = batches_updates(trainer->run.batches);
    double seconds = trainer_standing_epoch_seconds(trainer);
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
        .elapsed_seconds = trainer_standing_run_seconds(trainer),
        .left_seconds = pace * updates_left(trainer, epoch, updates_of_epoch),
    };
}
