#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/store/metrics_file.h"
#include "stage.h"

enum status trainer_save_metrics(struct trainer *trainer, struct error *error)
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
    progress->seconds = trainer_standing_run_seconds(trainer);
    progress->epoch_seconds = progress->batch > 0 ? trainer_standing_epoch_seconds(trainer) : 0;
    progress->finished = trainer_standing_is_finished(trainer);
    return run_state_snapshot(&trainer->run, snapshot, error);
}

enum status trainer_save(struct trainer *trainer, struct error *error)
{
    enum status status;
    struct snapshot snapshot;
    const struct progress *progress = &trainer->run.progress;
    double start = clock_seconds();
    watch_step(trainer->comm, STAGE_CHECKPOINT, 0);
    TRY(snapshot_now(trainer, &snapshot, error));
    TRY(run_directory_write_checkpoint(&trainer->directory, trainer->comm, &snapshot, trainer->settings->keep,
                                       error));
    TRY(trainer_save_metrics(trainer, error));
    trainer->checkpoint_at = clock_seconds();
    trainer->checkpoint_update = progress->update;
    trainer->checkpoint_epoch = progress->epoch;
    if (trainer->observer->checkpoint)
        trainer->observer->checkpoint(trainer->observer->context, trainer->directory.checkpoint,
                                      trainer->checkpoint_at - start);
done:
    return status;
}

enum status trainer_save_best(struct trainer *trainer, struct error *error)
{
    enum status status;
    struct snapshot snapshot;
    watch_step(trainer->comm, STAGE_BEST, 0);
    TRY(snapshot_now(trainer, &snapshot, error));
    TRY(run_directory_write_best(&trainer->directory, trainer->comm, &snapshot, error));
done:
    return status;
}
