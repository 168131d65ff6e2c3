#ifndef LSTM_MPI_CLI_TRAINED_MODEL_H
#define LSTM_MPI_CLI_TRAINED_MODEL_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/model/model_spec.h"
#include "lstm_mpi/store/checkpoint.h"

/* What a checkpoint gives to generate with. */
struct trained_model {
    struct vocabulary *vocabulary;
    struct model_spec spec;
    float *weights;
};

/* Reads it; `settings` are of the run. The caller owns what the model holds, after a failure too:
 * trained_model_free. Not collective. */
MUST_CHECK enum status trained_model_read(struct trained_model *model, struct settings *settings,
                                          const struct checkpoint *checkpoint, struct error *error);

void trained_model_free(struct trained_model *model);

#endif
