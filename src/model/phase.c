#include "lstm_mpi/model/phase.h"

const char *const phase_names[PHASE_COUNT] = {
    [PHASE_PACK_WEIGHTS] = "pack the weights",
    [PHASE_INPUT] = "inputs times W_x",
    [PHASE_STEPS_FORWARD] = "forward steps",
    [PHASE_BETWEEN_LAYERS] = "directions and dropout",
    [PHASE_LOGITS] = "logits",
    [PHASE_SOFTMAX] = "softmax, loss, gradient of the logits",
    [PHASE_OUTPUT_DH] = "gradient of H",
    [PHASE_OUTPUT_DW] = "gradient of the output's W",
    [PHASE_STEPS_BACKWARD] = "backward steps",
    [PHASE_DW_H] = "gradient of W_h",
    [PHASE_DW_X] = "gradient of W_x",
    [PHASE_INPUT_GRADIENT] = "gradient of the inputs",
    [PHASE_EMBEDDING] = "gradient of the embedding",
    [PHASE_EXCHANGE] = "exchange between ranks",
    [PHASE_UPDATE] = "norm, clip, new weights",
};
