#ifndef TESTS_BENCHMARK_FMA_PEAK_H
#define TESTS_BENCHMARK_FMA_PEAK_H

#include "lstm_mpi/linalg/vector_level.h"

/* Fused multiply-adds on independent accumulators, as many as hide the latency: what a core can do at most.
 * Returns the operations of `rounds` rounds (a multiplication and an addition count one each); *sink keeps
 * the compiler from leaving them out. */
typedef double fma_rounds(long rounds, float *sink);

struct fma_peak {
    fma_rounds *run;
};

VECTOR_LEVELS_DECLARE(const struct fma_peak, fma_peak);

/* Operations a second of this core, on average over so many seconds: what is compared with it must be
 * averages over as many, for the clock of a core rises and falls within milliseconds. */
double fma_peak_measure(double seconds);

#endif
