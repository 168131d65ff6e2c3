#ifndef LSTM_MPI_TRAIN_STAGE_H
#define LSTM_MPI_TRAIN_STAGE_H

/* What a run can be at, for the watch of dist. */

enum stage {
    STAGE_SETUP,
    STAGE_CORPUS,
    STAGE_MODEL,
    STAGE_UPDATE,
    STAGE_VALIDATION,
    STAGE_METRICS,
    STAGE_CHECKPOINT,
    STAGE_BEST,
    STAGE_SAMPLES,
};

extern const char *const stage_names[];

#endif
