#ifndef LSTM_MPI_DIST_ROLL_H
#define LSTM_MPI_DIST_ROLL_H

/* The roll of all ranks as one host sees them: when each was last heard of, where it was then, and what that
 * says about an update that does not end. */

#include "door.h"
#include "lstm_mpi/base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ROLL_HOST_BYTES = 64 };

/* What does not change. */
struct roll_place {
    int node; /* the lowest rank that shares memory with it */
    int node_rank;
    int node_size;
    struct door door; /* where it receives letters */
    char host[ROLL_HOST_BYTES];
};

/* Lies in memory that the ranks of a node share. Times are milliseconds of the host's monotonic clock. */
struct roll_member {
    _Atomic int64_t heard_at; /* 0: never */
    _Atomic int64_t stalled;  /* how long it had made no step when it was heard of */
    _Atomic uint64_t at;
    atomic_bool waiting;
    atomic_bool spoke; /* it has told the error, and is gone */
    struct roll_place place;
};

struct roll {
    struct roll_member *members; /* [size] */
    int size;
    int rank; /* who looks */
    const char *const *stages;
    int64_t timeout;
    int64_t freshness; /* who was heard of less long ago than this is there */
    int64_t window;    /* two ranks' clocks of one stall differ by less */
};

enum roll_finding {
    ROLL_GOES_ON, /* nothing is late, or what others wait for makes progress */
    ROLL_SILENT,  /* ranks are not heard of any more: stopped or cut off */
    ROLL_BUSY,    /* all are there, and some do not come to where the others wait */
    ROLL_UNKNOWN, /* all that are heard of wait, some never were heard of */
    ROLL_WAITING, /* all are there and wait for each other */
};

uint64_t roll_position(int stage, uint64_t number);

/* Is it there? */
bool roll_is_heard(const struct roll *roll, int rank, int64_t now);

/* How long those who are there have made no step, at most. */
int64_t roll_longest_stall(const struct roll *roll, int64_t now);

/* Is it this rank that speaks for all that can hear each other? It is the lowest that is there, unless
 * another one has spoken. */
bool roll_is_speaker(const struct roll *roll, int64_t now);

/* Is any rank on the host of rank 0 there? If not, that host may be at work on its own side of a network that
 * was cut, and have the first word. */
bool roll_sees_first_host(const struct roll *roll, int64_t now);

enum roll_finding roll_judge(const struct roll *roll, int64_t now);

/* Puts a finding other than ROLL_GOES_ON into words, naming the ranks and hosts that are late. */
void roll_describe(struct error *error, const struct roll *roll, enum roll_finding finding, int64_t now);

#endif
