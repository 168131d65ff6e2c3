#ifndef LSTM_MPI_MODEL_PACKED_WEIGHTS_H
#define LSTM_MPI_MODEL_PACKED_WEIGHTS_H

/* The weights as the products want them: packed once an update, however many steps and blocks of rows they
 * are then multiplied with, and however many processes of a machine use them. */

#include "lstm_mpi/linalg/panels.h"
#include "lstm_mpi/model/parameters.h"

struct packed_weights {
    size_t hidden;
    size_t gate_width; /* gates · H */
    size_t vocabulary;
    const float *W_x;      /* [V, G], these four views of the weights themselves */
    const float *W_h;      /* [H, G] */
    const float *b;        /* [G] */
    const float *W;        /* [H, V], of the output layer */
    const float *b_output; /* [V] */
    struct panels W_h_forward;
    struct panels W_h_backward; /* transposed */
    struct panels W_forward;
    struct panels W_backward; /* transposed */
};

/* How many floats of memory the packed weights of such a network take. */
size_t packed_weights_floats(const struct model_spec *spec);

/* For weights laid out by parameters_layout, which must stay in place as long as these are used. They are
 * packed into `memory`, packed_weights_floats floats aligned to MEMORY_ALIGNMENT, which must outlive them;
 * the same memory on every process that shares it. Nothing to free. Not packed yet. */
MUST_CHECK enum status packed_weights_place(struct packed_weights *packed, const struct model_spec *spec,
                                            const float *weights, float *memory, struct error *error);

/* After the weights changed: packs part `part` of `parts`. Whoever shares the memory packs one part each;
 * none may use the packed weights before all have. */
void packed_weights_pack(struct packed_weights *packed, size_t part, size_t parts);

#endif
