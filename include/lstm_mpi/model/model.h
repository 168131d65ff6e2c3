#ifndef LSTM_MPI_MODEL_MODEL_H
#define LSTM_MPI_MODEL_MODEL_H

/* The network over some rows of a batch: weights in, loss and gradients out. It knows nothing of ranks. */

#include "lstm_mpi/model/exact_gradients.h"
#include "lstm_mpi/model/gradients_listener.h"
#include "lstm_mpi/model/packed_weights.h"
#include "lstm_mpi/model/phase.h"

#include <stdint.h>

struct model;

/* A network with room for `rows` rows of `steps` time steps, its carried state zero; without rows it has no
 * state and no losses, and no gradients can be asked for. All its memory is allocated here. The weights,
 * packed whenever the network is used, must outlive it. The caller owns: model_destroy. */
MUST_CHECK enum status model_create(struct model **out, const struct model_spec *spec,
                                    const struct packed_weights *weights, size_t rows, size_t steps,
                                    struct error *error);
/* The same for model_gradients_exact instead of model_gradients. */
MUST_CHECK enum status model_create_exact(struct model **out, const struct model_spec *spec,
                                          const struct packed_weights *weights, size_t rows, size_t steps,
                                          struct error *error);
void model_destroy(struct model *model);

/* The carried state becomes zero. */
void model_zero_state(struct model *model);

/* The carried state (H, C), each [layers, rows, H]: views that may be written. Directions count as layers:
 * layer 0 forward, layer 0 reverse, layer 1 forward, … `c` is NULL for cells without it. */
struct model_state {
    float *h;
    float *c;
    size_t layers;
    size_t floats; /* of either */
};
struct model_state model_state(struct model *model);

/* One piece of the text for every row, in time order. */
struct model_batch {
    const uint32_t *inputs;     /* [steps, rows] tokens */
    const uint32_t *targets;    /* [steps, rows] tokens */
    const uint32_t *input_rows; /* [steps, rows]: which row of the row tables' gradients an input's goes to */
    /* The masks of dropout depend on these two. */
    uint64_t update;  /* since the start of the run */
    size_t first_row; /* of the global batch */
};

/* Forward, loss and back-propagation through all steps, from the carried state, which goes on. Returns the
 * sum of the cross-entropies of all targets. `gradients` begins as parameters_layout says: the dense part
 * becomes the gradient of scale · sum. Behind it are rows of row_size floats, as many as input_rows names,
 * each a token's rows of all row tables side by side: to these the gradient is added. `listener` is told what
 * is final already; NULL: nobody is. */
double model_gradients(struct model *model, const struct model_batch *batch, float scale, float *gradients,
                       const struct gradients_listener *listener);

/* The same with exact sums, into `exact`. */
void model_gradients_exact(struct model *model, const struct model_batch *batch, float scale,
                           const struct exact_gradients *exact);

/* The cross-entropy of each target, without gradients or dropout: inputs, targets and losses are [steps,
 * rows], steps at most those of model_create. From the carried state, which goes on. */
void model_losses(struct model *model, const uint32_t *inputs, const uint32_t *targets, size_t steps,
                  double *losses);

/* The cross-entropy of each target of all T steps, losses [T, rows], under the masks of dropout that
 * model_gradients draws for this batch: their sum is what that gives the gradients of. From the carried
 * state, which goes on. */
void model_batch_losses(struct model *model, const struct model_batch *batch, double *losses);

/* One step for every row: its token in, the logits of the next out ([rows, V]; NULL: not asked for), without
 * dropout. The carried state goes on, that of the reverse direction too: it sees one step at a time. */
void model_step(struct model *model, const uint32_t *tokens, float *logits);

/* Bytes of all that the network holds: activations, their gradients, packed operands. Not the weights. */
size_t model_bytes(const struct model *model);

/* Where the time went since model_create; the caller may add phases of its own. */
struct phase_times *model_phase_times(struct model *model);

#endif
