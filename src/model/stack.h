#ifndef LSTM_MPI_MODEL_STACK_H
#define LSTM_MPI_MODEL_STACK_H

/* The recurrent part of the network, between the tokens and the output layer: the embedding, layers on top of
 * each other, their directions side by side, dropout above each layer. */

#include "dropout.h"
#include "layer.h"

/* One layer in all its directions. */
struct stacked_layer {
    struct layer directions[MODEL_MAX_DIRECTIONS];
    /* Both directions side by side, after dropout; NULL: as the one direction has it. */
    float *joined; /* [T, rows, width] */
    float *mask;   /* [T, rows, width]; NULL: no dropout */
};

/* Where the gradients of the stack's weights go. */
struct stack_gradients {
    struct gradient_sums sums;                 /* laid out as parameters_layout says */
    const uint32_t *token_rows;                /* [T, rows] */
    const struct gradients_listener *listener; /* hears that the computing goes on; NULL: nobody does */
};

struct stack {
    struct model_spec spec;
    struct parameters parameters;
    bool exact;                           /* the gradients will be summed exactly */
    const struct packed_weights *weights; /* a view */
    size_t rows;
    size_t steps;
    size_t width;                 /* of what goes up: H · directions */
    struct stacked_layer *layers; /* [num_layers] */
    /* The carried state: layer 0 forward, layer 0 reverse, layer 1 forward, … */
    float *h;        /* [num_layers · directions, rows, H] */
    float *c;        /* the same; NULL for cells without it */
    float *embedded; /* [T, rows, E]; NULL: no embedding */
    float *above;    /* [T, rows, width or E]: gradient of what a layer gives up; at first that of the top */
    float *below;    /* the same size, for the layer below; NULL: there is none */
};

/* The weights must outlive the stack. */
MUST_CHECK enum status stack_create(struct stack *stack, const struct model_spec *spec,
                                    const struct packed_weights *weights, size_t rows, size_t steps,
                                    bool exact, struct error *error);
void stack_free(struct stack *stack);

/* Floats that it holds. */
size_t stack_floats(const struct stack *stack);

/* Floats of the carried state h; c, if there is one, has as many. */
size_t stack_state_floats(const struct stack *stack);

/* Runs `steps` steps from the carried state, which goes on. `dropout` is the address of the masks, all but
 * the layer; NULL: no dropout. Returns what goes into the output layer, [steps, rows, width]: a view. */
const float *stack_forward(struct stack *stack, const uint32_t *tokens, size_t steps,
                           const struct dropout_address *dropout, struct phase_times *times);

/* Back through the last stack_forward over all T steps. stack->above holds the gradient of what that
 * returned, and is used up. Gradients of the weights are written, those of rows of tokens added to. */
void stack_backward(struct stack *stack, const uint32_t *tokens, const struct stack_gradients *gradients,
                    struct phase_times *times);

#endif
