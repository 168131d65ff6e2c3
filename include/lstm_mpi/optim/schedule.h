#ifndef LSTM_MPI_OPTIM_SCHEDULE_H
#define LSTM_MPI_OPTIM_SCHEDULE_H

/* The learning rate of each update, from nothing but its place in the run. */

#include <stdint.h>

struct schedule {
    double rate;          /* where the schedule starts from */
    double decay;         /* 1: none */
    uint64_t decay_after; /* epochs before the decay begins */
    uint64_t warmup;      /* updates of linear warm-up; 0: none */
};

/* The rate of an update, counted from 1 as its epoch is. After epoch `decay_after`, and at the end of each
 * later one, the rate is multiplied by `decay`; the first epoch has it whole. Update k of the first `warmup`
 * ones has k / warmup of the rate. */
double schedule_rate(const struct schedule *schedule, uint64_t epoch, uint64_t update);

#endif
