#ifndef LSTM_MPI_CLI_PROGRESS_H
#define LSTM_MPI_CLI_PROGRESS_H

/* What a person sees of a run: the header, a bar or plain lines, the last line, samples, the live chart. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/train/trainer.h"

#include <stdio.h>

struct visdom;

struct progress_view {
    FILE *out;
    const struct comm *comm;
    const char *run_dir;
    bool bar;
    size_t columns;
    bool bar_is_shown;
    double bar_shown_at;
    double reading_shown_at;
    double valid_perplexity; /* the newest; 0: none yet */
    uint64_t log_every;
    uint64_t log_every_updates;
    struct visdom *chart; /* NULL: none */
};

/* An observer that writes to `out`; nothing at all with --quiet. The view must outlive it, and be closed. */
struct trainer_observer progress_observer(struct progress_view *view, FILE *out, const struct comm *comm,
                                          const struct settings *settings);

/* Ends the live chart, whose last points get a moment to arrive; a short one where the process is to end
 * soon. */
void progress_close(struct progress_view *view, bool soon);

#endif
