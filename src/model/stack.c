#include "stack.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

static enum status create_layer(struct stack *stack, size_t number, struct error *error)
{
    enum status status = STATUS_OK;
    struct stacked_layer *layer = &stack->layers[number];
    size_t directions = model_directions(&stack->spec);
    size_t state = stack->rows * stack->spec.hidden_size;
    size_t positions = stack->rows * stack->steps;
    for (size_t direction = 0; direction < directions; direction++) {
        size_t place = number * directions + direction;
        TRY(layer_create(&layer->directions[direction], stack->spec.cell, &stack->weights->layers[place],
                         direction > 0, stack->rows, stack->steps, stack->exact, stack->h + place * state,
                         stack->c ? stack->c + place * state : NULL, error));
    }
    if (directions > 1 || stack->spec.dropout > 0)
        TRY(memory_new(&layer->joined, positions * stack->width, error));
    if (stack->spec.dropout > 0)
        TRY(memory_new(&layer->mask, positions * stack->width, error));
done:
    return status;
}

/* Floats of stack->above. */
static size_t gradient_floats(const struct stack *stack)
{
    size_t widest = stack->spec.embedding_size > stack->width ? stack->spec.embedding_size : stack->width;
    return stack->rows * stack->steps * widest;
}

static bool has_below(const struct model_spec *spec)
{
    return spec->num_layers > 1 || spec->embedding_size > 0 || spec->bidirectional;
}

enum status stack_create(struct stack *stack, const struct model_spec *spec,
                         const struct packed_weights *weights, size_t rows, size_t steps, bool exact,
                         struct error *error)
{
    enum status status;
    *stack = (struct stack){.spec = *spec,
                            .weights = weights,
                            .rows = rows,
                            .steps = steps,
                            .width = model_width(spec),
                            .exact = exact};
    TRY(parameters_layout(&stack->parameters, spec, error));
    TRY(memory_new(&stack->layers, spec->num_layers, error));
    TRY(memory_new(&stack->h, stack_state_floats(stack), error));
    if (spec->cell->has_cell_state)
        TRY(memory_new(&stack->c, stack_state_floats(stack), error));
    if (spec->embedding_size > 0)
        TRY(memory_new(&stack->embedded, rows * steps * spec->embedding_size, error));
    TRY(memory_new(&stack->above, gradient_floats(stack), error));
    if (has_below(spec))
        TRY(memory_new(&stack->below, gradient_floats(stack), error));
    for (size_t number = 0; number < spec->num_layers; number++)
        TRY(create_layer(stack, number, error));
done:
    if (status != STATUS_OK)
        stack_free(stack);
    return status;
}

void stack_free(struct stack *stack)
{
    for (size_t number = 0; stack->layers && number < stack->spec.num_layers; number++) {
        struct stacked_layer *layer = &stack->layers[number];
        for (size_t direction = 0; direction < MODEL_MAX_DIRECTIONS; direction++)
            layer_free(&layer->directions[direction]);
        memory_free(layer->joined);
        memory_free(layer->mask);
    }
    memory_free(stack->layers);
    memory_free(stack->h);
    memory_free(stack->c);
    memory_free(stack->embedded);
    memory_free(stack->above);
    memory_free(stack->below);
    *stack = (struct stack){0};
}

size_t stack_state_floats(const struct stack *stack)
{
    return stack->spec.num_layers * stack->rows * stack->width;
}

size_t stack_floats(const struct stack *stack)
{
    size_t positions = stack->rows * stack->steps;
    size_t floats = (stack->c ? 2 : 1) * stack_state_floats(stack);
    floats += positions * stack->spec.embedding_size;
    floats += (stack->below ? 2 : 1) * gradient_floats(stack);
    for (size_t number = 0; number < stack->spec.num_layers; number++) {
        const struct stacked_layer *layer = &stack->layers[number];
        for (size_t direction = 0; direction < model_directions(&stack->spec); direction++)
            floats += layer_floats(&layer->directions[direction]);
        floats +=
            (layer->joined ? positions * stack->width : 0) + (layer->mask ? positions * stack->width : 0);
    }
    return floats;
}

/* The directions' H side by side. */
static void join_directions(const struct stack *stack, struct stacked_layer *layer, size_t positions)
{
    size_t H = stack->spec.hidden_size;
    for (size_t direction = 0; direction < model_directions(&stack->spec); direction++) {
        const float *h = layer_output(&layer->directions[direction]);
        for (size_t position = 0; position < positions; position++)
            memcpy(layer->joined + position * stack->width + direction * H, h + position * H, H * sizeof *h);
    }
}

static const float *stacked_output(const struct stacked_layer *layer)
{
    return layer->joined ? layer->joined : layer_output(&layer->directions[0]);
}

/* What a layer reads. */
static struct layer_input input_of(const struct stack *stack, size_t number, const uint32_t *tokens)
{
    if (number > 0)
        return (struct layer_input){.x = stacked_output(&stack->layers[number - 1])};
    return (struct layer_input){.tokens = tokens, .x = stack->embedded};
}

static void look_up_embedding(struct stack *stack, const uint32_t *tokens, size_t positions)
{
    size_t E = stack->spec.embedding_size;
    for (size_t position = 0; position < positions; position++)
        memcpy(stack->embedded + position * E, stack->weights->embedding + tokens[position] * E,
               E * sizeof *stack->embedded);
}

const float *stack_forward(struct stack *stack, const uint32_t *tokens, size_t steps,
                           const struct dropout_address *dropout, struct phase_times *times)
{
    size_t positions = steps * stack->rows;
    if (positions == 0)
        return stacked_output(&stack->layers[stack->spec.num_layers - 1]);
    if (stack->embedded)
        look_up_embedding(stack, tokens, positions);
    for (size_t number = 0; number < stack->spec.num_layers; number++) {
        struct stacked_layer *layer = &stack->layers[number];
        struct layer_input input = input_of(stack, number, tokens);
        for (size_t direction = 0; direction < model_directions(&stack->spec); direction++)
            layer_forward(&layer->directions[direction], &input, steps, times);
        phase_start(times);
        if (layer->joined)
            join_directions(stack, layer, positions);
        if (layer->mask && dropout) {
            struct dropout_address address = *dropout;
            address.layer = number;
            dropout_mask(layer->mask, &address, stack->spec.dropout, steps, stack->rows, stack->width);
            vector_multiply(positions * stack->width, layer->mask, layer->joined);
        }
        phase_end(times, PHASE_BETWEEN_LAYERS);
    }
    return stacked_output(&stack->layers[stack->spec.num_layers - 1]);
}

/* One direction's columns of the gradient of what its layer gave up. */
static void split_direction(const struct stack *stack, const float *joined, size_t direction, float *dh)
{
    size_t H = stack->spec.hidden_size;
    for (size_t position = 0; position < stack->rows * stack->steps; position++)
        memcpy(dh + position * H, joined + position * stack->width + direction * H, H * sizeof *dh);
}

/* A token's rows of all row tables lie side by side. */
static size_t offset_of_table(const struct stack *stack, size_t table)
{
    const struct parameters *parameters = &stack->parameters;
    return parameters->dense_size + table * parameters_row_table(parameters, table)->dims[1];
}

static size_t offset_in_layer(const struct stack *stack, size_t number, bool reverse, const char *name)
{
    return parameters_find_in_layer(&stack->parameters, number, reverse, name)->offset;
}

static struct layer_gradients gradients_of(const struct stack *stack, size_t number, size_t direction,
                                           const struct stack_gradients *gradients, float *dx)
{
    bool reverse = direction > 0;
    bool tokens = model_input_width(&stack->spec, number) == 0;
    bool has_b_h = parameters_find_in_layer(&stack->parameters, number, reverse, "b_h") != NULL;
    return (struct layer_gradients){
        .sums = gradients->sums,
        .W_x = tokens ? offset_of_table(stack, direction) : offset_in_layer(stack, number, reverse, "W_x"),
        .token_stride = stack->parameters.row_size,
        .token_rows = gradients->token_rows,
        .W_h = offset_in_layer(stack, number, reverse, "W_h"),
        .b = offset_in_layer(stack, number, reverse, "b"),
        .has_b_h = has_b_h,
        .b_h = has_b_h ? offset_in_layer(stack, number, reverse, "b_h") : 0,
        .x = dx,
        .adds_to_x = direction > 0,
    };
}

/* Leaves in stack->above the gradient of what the layer read (unless that was tokens). */
static void stacked_backward(struct stack *stack, size_t number, const uint32_t *tokens,
                             const struct stack_gradients *gradients, struct phase_times *times)
{
    struct stacked_layer *layer = &stack->layers[number];
    size_t directions = model_directions(&stack->spec);
    size_t of_direction = stack->rows * stack->steps * stack->spec.hidden_size;
    struct layer_input input = input_of(stack, number, tokens);
    phase_start(times);
    if (layer->mask)
        vector_multiply(stack->rows * stack->steps * stack->width, layer->mask, stack->above);
    for (size_t direction = 0; direction < directions && directions > 1; direction++)
        split_direction(stack, stack->above, direction, stack->below + direction * of_direction);
    phase_end(times, PHASE_BETWEEN_LAYERS);
    float *dh = directions > 1 ? stack->below : stack->above;
    float *dx = directions > 1 ? stack->above : stack->below;
    for (size_t direction = 0; direction < directions; direction++) {
        struct layer_gradients of_layer = gradients_of(stack, number, direction, gradients, dx);
        layer_backward(&layer->directions[direction], dh + direction * of_direction, &input, &of_layer,
                       gradients->listener, times);
    }
    if (dx) {
        stack->above = dx;
        stack->below = dh;
    }
}

/* The gradient of the embedded tokens is in stack->above. In a tied table it is added to what the output
 * layer left there; exact sums, whose bounds differ, stay apart. */
static void embedding_backward(const struct stack *stack, const uint32_t *tokens,
                               const struct stack_gradients *gradients)
{
    const struct parameters *parameters = &stack->parameters;
    const struct gradient_sums *sums = &gradients->sums;
    size_t E = stack->spec.embedding_size;
    struct position_values dx =
        gradient_sums_values(sums, position_values_dense(stack->above, stack->rows * stack->steps, E));
    if (stack->spec.tie_weights && !sums->exact)
        gradient_sums_rows(sums, parameters_find(parameters, "embedding/W")->offset, E, &dx, tokens);
    else
        gradient_sums_rows(sums, parameters->dense_size, parameters->token_row_size, &dx,
                           gradients->token_rows);
}

void stack_backward(struct stack *stack, const uint32_t *tokens, const struct stack_gradients *gradients,
                    struct phase_times *times)
{
    for (size_t number = stack->spec.num_layers; number-- > 0;)
        stacked_backward(stack, number, tokens, gradients, times);
    phase_start(times);
    if (stack->embedded)
        embedding_backward(stack, tokens, gradients);
    phase_end(times, PHASE_EMBEDDING);
}
