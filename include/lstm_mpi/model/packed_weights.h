#ifndef LSTM_MPI_MODEL_PACKED_WEIGHTS_H
#define LSTM_MPI_MODEL_PACKED_WEIGHTS_H

/* The weights as the products want them: packed once an update, however many steps and blocks of rows they
 * are then multiplied with, and however many processes of a machine use them. */

#include "lstm_mpi/linalg/panels.h"
#include "lstm_mpi/model/parameters.h"

/* One direction of one layer. G = gates · H. */
struct packed_layer {
    size_t input_width; /* in; 0: the inputs are tokens */
    size_t hidden;
    size_t gate_width;         /* G */
    const float *W_x;          /* [in, G], or [V, G] for tokens, these four views of the weights themselves */
    const float *W_h;          /* [H, G] */
    const float *b;            /* [G] */
    const float *b_h;          /* [G]; NULL: there is none */
    struct panels W_x_forward; /* these two empty for tokens, whose rows are only added */
    struct panels W_x_backward; /* transposed */
    struct panels W_h_forward;
    struct panels W_h_backward; /* transposed */
};

struct packed_weights {
    size_t vocabulary;
    size_t output_width; /* what goes into the output layer */
    bool tied;
    const float *embedding; /* [V, E]; NULL: there is none */
    const float *W; /* [output_width, V], of the output layer; tied: the embedding, [V, output_width] */
    const float *b_output; /* [V] */
    struct panels W_forward;
    struct panels W_backward;                                            /* transposed */
    size_t layer_count;                                                  /* directions counted singly */
    struct packed_layer layers[MODEL_MAX_LAYERS * MODEL_MAX_DIRECTIONS]; /* [layer][direction] */
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
