#include "lstm_mpi/linalg/vector_level.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
    [VECTOR_BASELINE] = "baseline",
    [VECTOR_AVX2] = "avx2",
    [VECTOR_AVX512] = "avx512",
};

static enum vector_level highest_of_cpu(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
        return VECTOR_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return VECTOR_AVX2;
    return VECTOR_AVX512;
#else
    return VECTOR_BASELINE;
#endif
}

static enum vector_level choose(void)
{
    enum vector_level highest = highest_of_cpu();
    const char *wanted = getenv("LSTM_MPI_VECTOR_LEVEL");
    for (unsigned level = VECTOR_BASELINE; wanted && level < highest; level++) {
        if (strcmp(wanted, level_names[level]) == 0)
            return (enum vector_level)level;
    }
    return highest;
}

static int chosen = -1;

enum vector_level vector_level_in_use(void)
{
    if (chosen < 0)
        chosen = (int)choose();
    return (enum vector_level)chosen;
}

void vector_level_lower(enum vector_level most)
{
    if (vector_level_in_use() > most)
        chosen = (int)most;
}

const char *vector_level_name(enum vector_level level)
{
    return level_names[level];
}
