#include "lstm_mpi/optim/schedule.h"

#include <math.h>

double schedule_rate(const struct schedule *schedule, uint64_t epoch, uint64_t update)
{
    uint64_t whole = schedule->decay_after > 1 ? schedule->decay_after : 1;
    double rate = schedule->rate;
    if (epoch > whole)
        rate *= pow(schedule->decay, (double)(epoch - whole));
    if (update < schedule->warmup)
        rate *= (double)update / (double)schedule->warmup;
    return rate;
}
