#ifndef LSTM_MPI_DIST_WATCH_H
#define LSTM_MPI_DIST_WATCH_H

/* Watches that the ranks get on, and ends the run where they do not, whatever MPI is doing meanwhile. Every
 * rank has a thread for it that wakes up now and then. Within a node the threads tell each other in shared
 * memory where their ranks are. Between nodes they ask each other by UDP, and only when something is late;
 * MPI has no part in it. Time in which a watching thread does not run itself, since its process is stopped or
 * the machine sleeps, does not count for it. */

#include "lstm_mpi/dist/comm.h"

struct watch;

struct watch_spec {
    double timeout_seconds; /* how long a step may take; 0: no watch */
    /* What the ranks may be at, "update". The same for all ranks; kept. */
    const char *const *stages;
    /* Told the error, naming the ranks that are late, on one rank and in the watch's thread; the process ends
     * when it returns, with the error's status and without MPI, and so does every other one. Can be NULL. */
    void (*stalled)(void *context, const struct error *error);
    void *context;
};

/* Starts the watch; the time of the present step begins. `*out` is NULL where there is none. The caller owns:
 * watch_end. Collective. */
MUST_CHECK enum status watch_start(struct watch **out, const struct comm *comm, const struct watch_spec *spec,
                                   struct error *error);

/* Ends this rank's watch; NULL is fine. */
void watch_end(struct watch *watch);

/* This rank gets on: from now on it is at number `number` of a stage (a place in `stages`, below 256; number
 * 0: it has none). Costs a few stores. Not collective. */
void watch_step(const struct comm *comm, int stage, uint64_t number);

/* This rank gets on with what it is at, of which a part is done: the time of a new step begins. The same
 * costs. Not collective. */
void watch_go_on(const struct comm *comm);

#endif
