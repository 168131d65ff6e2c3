#ifndef LSTM_MPI_STORE_RUN_DIRECTORY_H
#define LSTM_MPI_STORE_RUN_DIRECTORY_H

/* The folder that holds all files of a run: checkpoint.h5, the older checkpoint-UPDATE.h5, best.h5,
 * metrics.h5. */

#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/store/snapshot.h"

#include <stdbool.h>

#define RUN_DIRECTORY_CHECKPOINT "checkpoint.h5"
#define RUN_DIRECTORY_BEST "best.h5"
#define RUN_DIRECTORY_METRICS "metrics.h5"
/* Behind the name of a checkpoint that was not good; where that name is taken, "-2" and so on follow. */
#define RUN_DIRECTORY_BAD ".bad"

/* What to do where the folder holds a run already. */
enum run_claim {
    RUN_CLAIM_NEW,       /* fail, and touch nothing */
    RUN_CLAIM_RESUME,    /* go on with it */
    RUN_CLAIM_OVERWRITE, /* begin it anew: its files go when the first new checkpoint is in its place */
};

struct run_directory {
    char *path;
    char *checkpoint;       /* PATH/checkpoint.h5 */
    char *best;             /* PATH/best.h5 */
    char *metrics;          /* PATH/metrics.h5 */
    int folder;             /* rank 0: the folder, open, and locked where the file system has locks, */
    bool has_folder;        /* if so */
    bool was_there;         /* rank 0: the folder, before this run */
    bool has_newest;        /* `checkpoint` is a good one of this run, */
    uint64_t newest_update; /* after so many updates */
    bool has_bad;           /* checkpoint.h5 and the older ones above this number were not good, */
    uint64_t good_number;   /* and are still in their places */
};

/* Claims the folder for this run, if it is there, and removes what a killed run left half written in it.
 * Makes nothing. While a run holds its folder, no other one on the same host can claim it: that fails, after
 * some seconds in which a run that was killed may come to its end. Every rank gives the same path. The caller
 * owns what `run` holds, after a failure too: run_directory_free, which gives the folder up. Collective. */
MUST_CHECK enum status run_directory_claim(struct run_directory *run, const struct comm *comm,
                                           const char *path, enum run_claim claim, struct error *error);

/* Makes the folder where it is missing, its parents too, and then claims it; before the first file is
 * written. Collective. */
MUST_CHECK enum status run_directory_make(struct run_directory *run, const struct comm *comm,
                                          struct error *error);

void run_directory_free(struct run_directory *run);

/* The files to try for going on, the newest first: checkpoint.h5, then the older ones by falling number of
 * updates. They need not be good. The caller owns the list, one block of memory: memory_free. Collective. */
MUST_CHECK enum status run_directory_candidates(char ***paths, size_t *count, const struct run_directory *run,
                                                const struct comm *comm, struct error *error);

/* Says that the run goes on from this candidate, which was `update` updates old, and that those before it
 * were not good. */
void run_directory_resumed(struct run_directory *run, const char *path, uint64_t update);

/* Writes the snapshot as checkpoint.h5. The former one becomes checkpoint-UPDATE.h5, unless it is of the same
 * update; of the older ones the `keep` newest stay. Those at or after the snapshot's update go: they are of
 * an overwritten run. Those that were not good when the run was resumed are kept as NAME.bad. A snapshot
 * before the first update removes best.h5 too. At every moment checkpoint.h5 is whole, once there was one.
 * After a failure all files are as they were, but for the bad ones, which may have those names. Collective.
 */
MUST_CHECK enum status run_directory_write_checkpoint(struct run_directory *run, const struct comm *comm,
                                                      const struct snapshot *snapshot, size_t keep,
                                                      struct error *error);

/* Fails where the path leads to another folder than the claimed one, or to none: what is written by that path
 * would be written into another run's files. Before metrics.h5 is written; the functions here do it
 * themselves. Collective. */
MUST_CHECK enum status run_directory_check(const struct run_directory *run, const struct comm *comm,
                                           struct error *error);

/* Writes the snapshot as best.h5, in the place of the former one. After a failure that is as it was.
 * Collective. */
MUST_CHECK enum status run_directory_write_best(const struct run_directory *run, const struct comm *comm,
                                                const struct snapshot *snapshot, struct error *error);

#endif
