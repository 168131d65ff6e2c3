#include "trainer_private.h"

#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "stage.h"

enum status trainer_samples_create(struct trainer *trainer, struct error *error)
{
    enum status status = STATUS_OK;
    if (trainer->comm->rank == 0 && trainer->observer->sample)
        status = samples_create(&trainer->samples, trainer->settings, &trainer->run.update.spec.model,
                                trainer->run.update.weights, trainer->run.inputs.vocabulary, error);
    return agree_on_status(trainer->comm, status, error);
}

enum status trainer_samples_show(struct trainer *trainer, struct error *error)
{
    watch_step(trainer->comm, STAGE_SAMPLES, 0);
    enum status status = samples_show(&trainer->samples, trainer->comm, trainer->observer, error);
    return agree_on_status(trainer->comm, status, error);
}
