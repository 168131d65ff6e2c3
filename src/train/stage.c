#include "stage.h"

const char *const stage_names[] = {
    [STAGE_SETUP] = "setting up the run",
    [STAGE_CORPUS] = "reading the corpus",
    [STAGE_MODEL] = "setting up the model",
    [STAGE_UPDATE] = "update",
    [STAGE_VALIDATION] = "reading the held-out part",
    [STAGE_METRICS] = "writing metrics.h5",
    [STAGE_CHECKPOINT] = "writing the checkpoint",
    [STAGE_BEST] = "writing best.h5",
    [STAGE_SAMPLES] = "sampling",
};
