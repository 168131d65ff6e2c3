#ifndef LSTM_MPI_TRAIN_TRAINER_H
#define LSTM_MPI_TRAIN_TRAINER_H

/* A training run, from its settings to its last checkpoint. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/history.h"

#include <stdbool.h>
#include <stdint.h>

/* How far the corpus is read, before training begins. */
struct trainer_reading {
    uint64_t bytes; /* of the whole corpus */
    double share;   /* of the work, 0 to 1 */
    double seconds;
};

/* What stands fixed when training begins. */
struct trainer_facts {
    uint64_t corpus_tokens;  /* of the whole corpus */
    uint64_t trained_tokens; /* after --max-tokens, less the held-out part */
    uint64_t held_out_tokens;
    uint64_t vocabulary_size;
    uint64_t learned_parameters;
    uint64_t node_bytes;     /* weights, plain and packed: the ranks of a node hold them once */
    uint64_t state_bytes;    /* of the optimizer, once a node */
    uint64_t rank_bytes;     /* gradients and activations, of this rank */
    uint64_t resumed_update; /* 0: a fresh start */
    uint64_t resumed_epoch;
    const char *resumed_from;      /* the checkpoint's path; NULL: a fresh start */
    const struct history *history; /* of the epochs before this start; a view */
    bool finished_before;          /* the run had done all that the settings ask for */
};

/* Where training stands after an update. */
struct trainer_standing {
    uint64_t epoch; /* under way, or just ended; counted from 1 */
    uint64_t epochs;
    uint64_t update_of_epoch; /* counted from 1 */
    uint64_t updates_of_epoch;
    uint64_t update;          /* since the start of the run */
    double perplexity;        /* of the epoch so far */
    double tokens_per_second; /* of the epoch so far */
    double valid_perplexity;  /* of the held-out part, where it was taken now; else NaN */
    double grad_norm;         /* mean of the epoch so far, before clipping */
    double elapsed_seconds;   /* since the start of the run, all its starts together */
    double left_seconds;      /* by the pace of this start */
};

enum trainer_end {
    TRAINER_FINISHED,
    TRAINER_OUT_OF_PATIENCE,
    TRAINER_MAX_UPDATES,
    TRAINER_STOPPED_BY_SIGNAL,
    TRAINER_STOPPED_BY_CLOCK,
    TRAINER_STOPPED_WHILE_READING, /* by a signal, before there was anything to save */
};

struct trainer_result {
    enum trainer_end end;
    double perplexity;            /* of the last epoch, NaN where none ended */
    double best_valid_perplexity; /* 0 where none was taken */
    uint64_t best_update;         /* after which it was taken */
    double tokens_per_second;     /* of this start's updates */
    uint64_t update;
};

/* Told what happens, but for `stalled` on rank 0 alone. */
struct trainer_observer {
    void *context;
    void (*reading)(void *context, const struct trainer_reading *reading); /* time and again until begin */
    void (*begin)(void *context, const struct settings *settings, const struct trainer_facts *facts);
    void (*sample)(void *context, const char *text, size_t bytes);
    void (*update)(void *context, const struct trainer_standing *standing);
    void (*epoch)(void *context, const struct trainer_standing *standing);
    void (*checkpoint)(void *context, const char *path, double seconds);
    void (*end)(void *context, const struct trainer_result *result); /* samples may follow */
    /* --stall-timeout: the process ends when it returns. On any one rank, and in a thread of its own. */
    void (*stalled)(void *context, const struct error *error);
};

/* Trains as the settings say, which --resume and --init-from complete from a checkpoint. Between its
 * checkpoints nothing that was saved before is lost. Stops on a signal of stop.h, by --max-minutes or
 * --max-updates with a checkpoint. Fails alike on every rank. Collective. */
MUST_CHECK enum status trainer_run(const struct comm *comm, struct settings *settings,
                                   const struct trainer_observer *observer, struct trainer_result *result,
                                   struct error *error);

#endif
