#include "stage.h"

const char *const stage_names[] = {
    [STAGE_SETUP] = "setting up the run",
    [STAGE_CORPUS] = "reading the corpus",
    [STAGE_UPDATE] = "update",
    [STAGE_VALIDATION] = "reading the held-out part",
    [STAGE_METRICS] = "writing metrics.h5",
    [STAGE_CHECKPOINT] = "writing the checkpoint",
    [STAGE_SAMPLES] = "sampling",
};
