#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/config/settings_check.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "lstm_mpi/store/checkpoint.h"
#include "resume.h"
#include "stage.h"

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
        .finished_before = trainer_standing_is_finished(trainer),
    };
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

enum status trainer_start(struct trainer *trainer, const struct trainer_observer *observer,
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
    TRY(trainer_samples_create(trainer, error));
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
        TRY(trainer_samples_show(trainer, error));
        trainer->trained_at = clock_seconds();
        TRY(trainer_save(trainer, error));
        trainer->trained_at = clock_seconds();
    }
done:
    checkpoint_close(origin);
    return status;
}
