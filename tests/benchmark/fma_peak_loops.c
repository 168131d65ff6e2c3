#include "fma_peak.h"

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

#if defined(__AVX512F__)
enum { ACCUMULATORS = 20 };
#else
enum { ACCUMULATORS = 10 };
#endif

static double run(long rounds, float *sink)
{
    lanes accumulators[ACCUMULATORS];
    lanes factor = {0};
    lanes term = {0};
    factor += *sink * 1e-9F + 0.999999F;
    term += *sink * 1e-9F + 1e-6F;
    for (int i = 0; i < ACCUMULATORS; i++)
        accumulators[i] = term * (float)i;
    for (long round = 0; round < rounds; round++) {
#pragma GCC unroll 20
        for (int i = 0; i < ACCUMULATORS; i++)
            accumulators[i] = accumulators[i] * factor + term;
    }
    for (int i = 1; i < ACCUMULATORS; i++)
        accumulators[0] += accumulators[i];
    *sink = accumulators[0][0];
    return 2.0 * LANES * ACCUMULATORS * (double)rounds;
}

const struct fma_peak LSTM_MPI_LEVEL_NAME(fma_peak) = {run};
