#include "fma_peak.h"

#include "lstm_mpi/base/clock.h"

double fma_peak_measure(double seconds)
{
    static const struct fma_peak *const levels[] = VECTOR_LEVELS_ARRAY(fma_peak);
    enum { ROUNDS = 20000 };
    double operations = 0;
    float sink = 1;
    double start = clock_seconds();
    double spent = 0;
    while (spent < seconds) {
        operations += levels[vector_level_in_use()]->run(ROUNDS, &sink);
        spent = clock_seconds() - start;
    }
    return operations / spent;
}
