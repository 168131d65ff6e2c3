#include "trainer_private.h"

#include "lstm_mpi/base/clock.h"

enum status trainer_validate(struct trainer *trainer, struct trainer_standing *standing, struct error *error)
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

enum status trainer_validate_judge(struct trainer *trainer, const struct trainer_standing *standing,
                                   struct error *error)
{
    enum status status;
    struct run_state *run = &trainer->run;
    bool better;
    if (run->inputs.held_out.tokens == 0 || trainer->validated_update != run->progress.update)
        return STATUS_OK;
    TRY(validation_judge(&run->validation, standing->valid_perplexity, trainer->settings->lr_plateau,
                         &run->progress, &better, error));
    if (better)
        TRY(trainer_save_best(trainer, error));
done:
    return status;
}
