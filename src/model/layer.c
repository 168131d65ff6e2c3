#include "layer.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

enum status layer_create(struct layer *layer, const struct cell_ops *cell,
                         const struct packed_weights *weights, size_t rows, size_t steps, bool exact,
                         struct error *error)
{
    enum status status;
    size_t hidden = weights->hidden;
    size_t width = weights->gate_width;
    *layer = (struct layer){
        .cell = cell,
        .weights = weights,
        .functions = cell_functions_in_use(cell),
        .hidden = hidden,
        .gate_width = width,
        .rows = rows,
        .steps = steps,
    };
    TRY(panels_create(&layer->h_rows, PANELS_NARROW, rows, hidden, error));
    TRY(panels_create(&layer->gate_rows, PANELS_NARROW, rows, width, error));
    TRY(gradient_sums_product_create(&layer->W_h, hidden, width, rows, steps, exact, error));
    TRY(memory_new(&layer->gates, steps * rows * width, error));
    TRY(memory_new(&layer->h, (steps + 1) * rows * hidden, error));
    TRY(memory_new(&layer->c, (steps + 1) * rows * hidden, error));
    TRY(memory_new(&layer->saved, steps * rows * hidden, error));
    TRY(memory_new(&layer->dc, rows * hidden, error));
done:
    if (status != STATUS_OK)
        layer_free(layer);
    return status;
}

void layer_free(struct layer *layer)
{
    panels_free(&layer->h_rows);
    panels_free(&layer->gate_rows);
    gradient_sums_product_free(&layer->W_h);
    memory_free(layer->gates);
    memory_free(layer->h);
    memory_free(layer->c);
    memory_free(layer->saved);
    memory_free(layer->dc);
    *layer = (struct layer){0};
}

size_t layer_floats(const struct layer *layer)
{
    size_t state = layer->rows * layer->hidden;
    size_t packed =
        layer->h_rows.capacity + layer->gate_rows.capacity + gradient_sums_product_floats(&layer->W_h);
    size_t gates = layer->steps * layer->rows * layer->gate_width;
    size_t states_and_saved = (2 * (layer->steps + 1) + layer->steps + 1) * state;
    return packed + gates + states_and_saved;
}

static void step_forward(struct layer *layer, const uint32_t *inputs, size_t step)
{
    size_t H = layer->hidden;
    size_t G = layer->gate_width;
    size_t state = layer->rows * H;
    float *gates = layer->gates + step * layer->rows * G;
    const float *h_previous = layer->h + step * state;
    for (size_t row = 0; row < layer->rows; row++)
        vector_sum(G, layer->weights->W_x + inputs[row] * G, layer->weights->b, gates + row * G);
    panels_pack(&layer->h_rows, (struct panels_source){h_previous, .lanes = layer->rows, .depth = H, H, 1});
    panels_multiply(gates, G, &layer->h_rows, &layer->weights->W_h_forward, true);
    for (size_t row = 0; row < layer->rows; row++) {
        size_t at = step * state + row * H;
        layer->functions->forward(H, gates + row * G, layer->c + at, layer->c + at + state, layer->saved + at,
                                  layer->h + at + state);
    }
}

void layer_forward(struct layer *layer, const uint32_t *inputs, size_t steps)
{
    for (size_t step = 0; step < steps; step++)
        step_forward(layer, inputs + step * layer->rows, step);
}

/* Leaves the gradient of the step's pre-activations in `gates`, and adds the gradient of H before the step
 * to `dh_previous` (NULL at the first step: the carried state is cut off from the gradient). */
static void step_backward(struct layer *layer, const float *dh, float *dh_previous, size_t step)
{
    size_t H = layer->hidden;
    size_t G = layer->gate_width;
    size_t state = layer->rows * H;
    float *gates = layer->gates + step * layer->rows * G;
    for (size_t row = 0; row < layer->rows; row++) {
        size_t at = step * state + row * H;
        layer->functions->backward(H, gates + row * G, layer->c + at, layer->saved + at, dh + row * H,
                                   layer->dc + row * H);
    }
    if (!dh_previous)
        return;
    panels_pack(&layer->gate_rows, (struct panels_source){gates, .lanes = layer->rows, .depth = G, G, 1});
    panels_multiply(dh_previous, H, &layer->gate_rows, &layer->weights->W_h_backward, true);
}

void layer_backward(struct layer *layer, float *dh, const uint32_t *input_rows,
                    const struct layer_gradients *gradients, const struct gradients_listener *listener,
                    struct phase_times *times)
{
    size_t H = layer->hidden;
    size_t G = layer->gate_width;
    size_t state = layer->rows * H;
    size_t positions = layer->steps * layer->rows;
    phase_start(times);
    memset(layer->dc, 0, state * sizeof *layer->dc);
    for (size_t step = layer->steps; step-- > 0;) {
        step_backward(layer, dh + step * state, step > 0 ? dh + (step - 1) * state : NULL, step);
        if (listener)
            listener->still_computing(listener->context);
    }
    phase_end(times, PHASE_STEPS_BACKWARD);

    const struct gradient_sums *sums = &gradients->sums;
    struct position_values h = gradient_sums_values(sums, layer->h, positions, H);
    struct position_values gates = gradient_sums_values(sums, layer->gates, positions, G);
    gradient_sums_product(sums, gradients->W_h, &layer->W_h, &h, &gates);
    phase_end(times, PHASE_DW_H);

    gradient_sums_rows(sums, gradients->b, gradients->W_x, &gates, input_rows);
    phase_end(times, PHASE_DW_X);
}

void layer_carry(struct layer *layer, size_t steps)
{
    size_t state = layer->rows * layer->hidden;
    memcpy(layer->h, layer->h + steps * state, state * sizeof *layer->h);
    memcpy(layer->c, layer->c + steps * state, state * sizeof *layer->c);
}
