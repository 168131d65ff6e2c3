#include "fma_peak.h"

#include "lstm_mpi/base/clock.h"

double fma_peak_measure(void)
{
    static const struct fma_peak *const levels[] = VECTOR_LEVELS_ARRAY(fma_peak);
    enum { TRIES = 20, ROUNDS = 200000 };
    double best = 0;
    float sink = 1;
    for (int try = 0; try < TRIES; try++) {
        double start = clock_seconds();
        double operations = levels[vector_level_in_use()]->run(ROUNDS, &sink);
        double rate = operations / (clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
