#ifndef LSTM_MPI_MODEL_PHASE_H
#define LSTM_MPI_MODEL_PHASE_H

/* Where the time of an update goes. */

#include "lstm_mpi/base/clock.h"

enum phase {
    PHASE_PACK_WEIGHTS,
    PHASE_INPUT,
    PHASE_STEPS_FORWARD,
    PHASE_BETWEEN_LAYERS,
    PHASE_LOGITS,
    PHASE_SOFTMAX,
    PHASE_OUTPUT_DH,
    PHASE_OUTPUT_DW,
    PHASE_STEPS_BACKWARD,
    PHASE_DW_H,
    PHASE_DW_X,
    PHASE_INPUT_GRADIENT,
    PHASE_EMBEDDING,
    PHASE_EXCHANGE,
    PHASE_UPDATE,
    PHASE_COUNT,
};

extern const char *const phase_names[PHASE_COUNT];

struct phase_times {
    double seconds[PHASE_COUNT];
    double lap_start;
};

/* The next lap starts now. */
static inline void phase_start(struct phase_times *times)
{
    times->lap_start = clock_seconds();
}

/* The lap that ends now was spent on `phase`. */
static inline void phase_end(struct phase_times *times, enum phase phase)
{
    double now = clock_seconds();
    times->seconds[phase] += now - times->lap_start;
    times->lap_start = now;
}

#endif
