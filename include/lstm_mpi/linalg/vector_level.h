#ifndef LSTM_MPI_LINALG_VECTOR_LEVEL_H
#define LSTM_MPI_LINALG_VECTOR_LEVEL_H

#include "lstm_mpi/base/error.h"

/* One binary for every CPU: a file with element-wise loops is compiled once for each level of vector
 * instructions that the target architecture has, and the level is chosen when the program starts.
 *
 * Such a file (LEVELS in its room's CMakeLists.txt) defines one table of functions under the name
 * LSTM_MPI_LEVEL_NAME(table); VECTOR_LEVELS_DECLARE declares the tables of all levels, and
 * VECTOR_LEVELS_ARRAY lists them in the order of enum vector_level. */

enum vector_level {
    VECTOR_BASELINE, /* what every CPU of the architecture has: SSE2 on x86-64, plain C elsewhere */
    VECTOR_AVX2,     /* x86-64-v3 */
    VECTOR_AVX512,   /* x86-64-v4 */
    VECTOR_LEVEL_COUNT
};

/* The highest level that this CPU can run, or the lower one that the environment variable
 * LSTM_MPI_VECTOR_LEVEL (baseline, avx2, avx512) asks for. */
enum vector_level vector_level_in_use(void);

/* Fails where LSTM_MPI_VECTOR_LEVEL is set to what is no level's name; empty it is as if not set. One that
 * this CPU cannot run is no failure. */
MUST_CHECK enum status vector_level_check_variable(struct error *error);

/* Takes no higher level than `most` from now on. Before anything is computed: levels round differently. */
void vector_level_lower(enum vector_level most);

/* The name as the environment variable has it. */
const char *vector_level_name(enum vector_level level);

#define LSTM_MPI_PASTE_EXPANDED(name, suffix) name##_##suffix
#define LSTM_MPI_PASTE(name, suffix) LSTM_MPI_PASTE_EXPANDED(name, suffix)

#ifdef LSTM_MPI_LEVEL
#define LSTM_MPI_LEVEL_NAME(name) LSTM_MPI_PASTE(name, LSTM_MPI_LEVEL)
#endif

#ifdef __x86_64__
#define VECTOR_LEVELS_DECLARE(type, name) extern type name##_baseline, name##_avx2, name##_avx512
#define VECTOR_LEVELS_ARRAY(name)                      \
    {                                                  \
        &name##_baseline, &name##_avx2, &name##_avx512 \
    }
#else
#define VECTOR_LEVELS_DECLARE(type, name) extern type name##_baseline
#define VECTOR_LEVELS_ARRAY(name) \
    {                             \
        &name##_baseline          \
    }
#endif

#endif
