#include "lstm_mpi/linalg/vector_level.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char variable[] = "LSTM_MPI_VECTOR_LEVEL";

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

/* VECTOR_LEVEL_COUNT: none has this name. */
static enum vector_level level_named(const char *name)
{
    unsigned level = VECTOR_BASELINE;
    while (level < VECTOR_LEVEL_COUNT && strcmp(name, level_names[level]) != 0)
        level++;
    return (enum vector_level)level;
}

enum status vector_level_check_variable(struct error *error)
{
    const char *wanted = getenv(variable);
    if (!wanted || !*wanted || level_named(wanted) < VECTOR_LEVEL_COUNT)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "%s is '%s'", variable, wanted);
    error_why(error, "it is none of baseline, avx2, avx512");
    return error_remedy(error, "unset the variable and the best level is chosen");
}

static enum vector_level choose(void)
{
    enum vector_level highest = highest_of_cpu();
    const char *wanted = getenv(variable);
    enum vector_level level = wanted ? level_named(wanted) : highest;
    return level < highest ? level : highest;
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
