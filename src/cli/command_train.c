#include "command_train.h"

#include "lstm_mpi/train/stop.h"
#include "lstm_mpi/train/trainer.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

static bool was_stopped(const struct trainer_result *result)
{
    return result->end == TRAINER_STOPPED_BY_SIGNAL || result->end == TRAINER_STOPPED_BY_CLOCK;
}

static void print_end(struct progress_view *view, const struct settings *settings,
                      const struct trainer_result *result)
{
    progress_end(view, result);
    if (was_stopped(result))
        fprintf(view->out,
                "stopped %s after update %" PRIu64 "; the checkpoint is in %s, --resume goes on from it\n",
                result->end == TRAINER_STOPPED_BY_SIGNAL ? "on a signal" : "by --max-minutes", result->update,
                settings->run_dir);
    fflush(view->out);
}

enum status command_train(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct progress_view view;
    struct trainer_result result;
    struct trainer_observer observer = progress_observer(&view, stdout, comm, settings);
    TRY(stop_on_signals(error));
    TRY(trainer_run(comm, settings, &observer, &result, NULL, error));
    if (comm->rank == 0 && !settings->quiet)
        print_end(&view, settings, &result);
    if (was_stopped(&result))
        status = STATUS_STOPPED;
done:
    return status;
}
