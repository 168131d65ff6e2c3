#include "command_train.h"

#include "lstm_mpi/train/trainer.h"
#include "message.h"
#include "progress.h"

#include <stdio.h>

static bool was_stopped(const struct trainer_result *result)
{
    return result->end == TRAINER_STOPPED_BY_SIGNAL || result->end == TRAINER_STOPPED_BY_CLOCK ||
           result->end == TRAINER_STOPPED_WHILE_READING;
}

static void stalled(void *unused, const struct error *error)
{
    (void)unused;
    message_last_error(error);
}

enum status command_train(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct progress_view view;
    struct trainer_result result;
    struct trainer_observer observer = progress_observer(&view, stdout, comm, settings);
    observer.stalled = stalled;
    TRY(trainer_run(comm, settings, &observer, &result, error));
    if (was_stopped(&result))
        status = STATUS_STOPPED;
done:
    progress_close(&view, status != STATUS_OK);
    return status;
}
