#ifndef LSTM_MPI_TRAIN_TRAINER_PRIVATE_H
#define LSTM_MPI_TRAIN_TRAINER_PRIVATE_H

/* What the modules of the trainer share. trainer.c tells a run from its start to its end; the others are its
 * parts. */

#include "lstm_mpi/store/run_directory.h"
#include "lstm_mpi/train/trainer.h"
#include "run_state.h"
#include "samples.h"

/* All that a run holds. */
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

/* trainer_start.c: from settings to the first update. A new run has shown the untrained samples and written
 * its first checkpoint then. All ranks watch each other's progress; `observer` is told a stall on any of
 * them. Collective. */
MUST_CHECK enum status trainer_start(struct trainer *trainer, const struct trainer_observer *observer,
                                     struct error *error);

/* trainer_epoch.c: starts the epoch, or goes on within it after a resume. */
void trainer_epoch_begin(struct trainer *trainer);

/* One update of it, and its log line. `totals` is what all ranks know then. Collective. */
MUST_CHECK enum status trainer_epoch_update(struct trainer *trainer, const struct batch *batch,
                                            struct totals *totals, struct error *error);

/* The epoch's record, the check of the weights, and what is written at its end. Collective. */
MUST_CHECK enum status trainer_epoch_end(struct trainer *trainer, struct error *error);

/* trainer_validate.c: the perplexity of the held-out part, if there is one. The time that it takes is not
 * training's. Collective. */
MUST_CHECK enum status trainer_validate(struct trainer *trainer, struct trainer_standing *standing,
                                        struct error *error);

/* What that perplexity means, if it was taken after the newest update: better weights are written to best.h5.
 * Collective. */
MUST_CHECK enum status trainer_validate_judge(struct trainer *trainer,
                                              const struct trainer_standing *standing, struct error *error);

/* trainer_save.c: a checkpoint with metrics.h5, best.h5, metrics.h5 alone. Collective. */
MUST_CHECK enum status trainer_save(struct trainer *trainer, struct error *error);
MUST_CHECK enum status trainer_save_best(struct trainer *trainer, struct error *error);
MUST_CHECK enum status trainer_save_metrics(struct trainer *trainer, struct error *error);

/* trainer_samples.c: what the model writes, to the observer, if that asks for it. Collective. */
MUST_CHECK enum status trainer_samples_create(struct trainer *trainer, struct error *error);
MUST_CHECK enum status trainer_samples_show(struct trainer *trainer, struct error *error);

/* trainer_standing.c: how far the run is, and how long it takes. Not collective. */
bool trainer_standing_is_finished(const struct trainer *trainer);
double trainer_standing_epoch_seconds(const struct trainer *trainer);
double trainer_standing_run_seconds(const struct trainer *trainer);
struct trainer_standing trainer_standing_now(const struct trainer *trainer, uint64_t epoch);

#endif
