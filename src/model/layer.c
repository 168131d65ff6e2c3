#include "layer.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

static bool reads_tokens(const struct layer *layer)
{
    return layer->weights->input_width == 0;
}

static enum status create_state(struct layer *layer, struct error *error)
{
    enum status status;
    size_t state = layer->rows * layer->weights->hidden;
    TRY(memory_new(&layer->h, (layer->steps + 1) * state, error));
    if (layer->cell->has_cell_state) {
        TRY(memory_new(&layer->c, (layer->steps + 1) * state, error));
        TRY(memory_new(&layer->dc, state, error));
    }
    if (layer->cell->has_saved)
        TRY(memory_new(&layer->saved, layer->steps * state, error));
done:
    return status;
}

/* Enough to make deep products of, few enough for what is made of their gates to be near. */
enum { CHUNK_POSITIONS = 600 };

static size_t chunks_of(size_t rows, size_t steps)
{
    return larger(1, smaller(steps, divide_up(rows * steps, CHUNK_POSITIONS)));
}

/* Products read several rows of gates side by side: a power of two apart, these would drive each other out of
 * the L1 cache. Not so with an odd number of cache lines. */
static size_t stride_of_gates(size_t gate_width)
{
    return (divide_up(gate_width, MEMORY_LINE_FLOATS) | 1) * MEMORY_LINE_FLOATS;
}

/* So few rows of a step that their gates stay in the L2 cache, from the look-up in W_x to the cell, and
 * from the cell's backward to the product. Where those of as many as make a product fast would not, all rows
 * are worked on together, and the weights come but once a step. */
static size_t rows_of_block(size_t rows, size_t gates_of_row)
{
    enum { BLOCK_ROWS = 144 };
    bool fits = BLOCK_ROWS * gates_of_row * sizeof(float) <= memory_l2_bytes();
    if (!fits || panels_are_views())
        return rows;
    return panels_block_lanes(PANELS_NARROW, rows, BLOCK_ROWS);
}

enum status layer_create(struct layer *layer, const struct cell_ops *cell, const struct packed_layer *weights,
                         bool reverse, size_t rows, size_t steps, bool exact, float *h_carried,
                         float *c_carried, struct error *error)
{
    enum status status;
    size_t H = weights->hidden;
    size_t G = weights->gate_width;
    *layer = (struct layer){
        .cell = cell,
        .functions = cell_functions_in_use(cell),
        .weights = weights,
        .reverse = reverse,
        .rows = rows,
        .steps = steps,
        .chunks = exact ? 1 : chunks_of(rows, steps),
        .h_carried = h_carried,
        .c_carried = c_carried,
        .gate_stride = stride_of_gates(G),
    };
    layer->block_rows = rows_of_block(rows, (cell->splits_recurrent ? 2 : 1) * layer->gate_stride);
    size_t gates = steps * rows * layer->gate_stride;
    size_t chunk_steps = divide_up(steps, layer->chunks);
    if (!reads_tokens(layer))
        TRY(dense_input_create(&layer->input, weights, rows, chunk_steps, exact, error));
    TRY(panels_create(&layer->h_rows, PANELS_NARROW, layer->block_rows, H, error));
    TRY(panels_create(&layer->gate_rows, PANELS_NARROW, layer->block_rows, G, error));
    TRY(position_panels_create(&layer->h_columns, PANELS_NARROW, H, rows, chunk_steps, exact, error));
    TRY(position_panels_create_lazy(&layer->chunk_gates, rows, chunk_steps, exact, error));
    TRY(memory_new(&layer->bias, G, error));
    TRY(memory_new(&layer->gates, gates, error));
    if (cell->splits_recurrent)
        TRY(memory_new(&layer->recurrent, gates, error));
    TRY(create_state(layer, error));
done:
    if (status != STATUS_OK)
        layer_free(layer);
    return status;
}

void layer_free(struct layer *layer)
{
    dense_input_free(&layer->input);
    panels_free(&layer->h_rows);
    panels_free(&layer->gate_rows);
    position_panels_free(&layer->h_columns);
    position_panels_free(&layer->chunk_gates);
    memory_free(layer->bias);
    memory_free(layer->gates);
    memory_free(layer->recurrent);
    memory_free(layer->h);
    memory_free(layer->c);
    memory_free(layer->saved);
    memory_free(layer->dc);
    *layer = (struct layer){0};
}

size_t layer_floats(const struct layer *layer)
{
    size_t state = layer->rows * layer->weights->hidden;
    size_t packed = layer->h_rows.capacity + layer->gate_rows.capacity +
                    position_panels_floats(&layer->h_columns) + position_panels_floats(&layer->chunk_gates);
    size_t gates = layer->steps * layer->rows * layer->gate_stride;
    size_t floats = dense_input_floats(&layer->input) + packed + layer->weights->gate_width;
    floats += layer->recurrent ? 2 * gates : gates;
    floats += (layer->steps + 1) * state;
    floats += layer->c ? (layer->steps + 2) * state : 0;
    floats += layer->saved ? layer->steps * state : 0;
    return floats;
}

const float *layer_output(const struct layer *layer)
{
    return layer->reverse ? layer->h : layer->h + layer->rows * layer->weights->hidden;
}

/* H or C (`states`) before and after a step. */
static float *state_before(const struct layer *layer, float *states, size_t step)
{
    size_t state = layer->rows * layer->weights->hidden;
    return states ? states + (layer->reverse ? step + 1 : step) * state : NULL;
}

static float *state_after(const struct layer *layer, float *states, size_t step)
{
    size_t state = layer->rows * layer->weights->hidden;
    return states ? states + (layer->reverse ? step : step + 1) * state : NULL;
}

/* The step that is worked on as number `turn` of `steps`. */
static size_t step_of_turn(const struct layer *layer, size_t turn, size_t steps)
{
    return layer->reverse ? steps - 1 - turn : turn;
}

static float *row_of(float *rows, size_t row, size_t stride)
{
    return rows ? rows + row * stride : NULL;
}

static struct cell_row cell_row_at(const struct layer *layer, size_t step, size_t row)
{
    size_t H = layer->weights->hidden;
    size_t position = step * layer->rows + row;
    return (struct cell_row){
        .gates = row_of(layer->gates, position, layer->gate_stride),
        .recurrent = row_of(layer->recurrent, position, layer->gate_stride),
        .h_previous = row_of(state_before(layer, layer->h, step), row, H),
        .c_previous = row_of(state_before(layer, layer->c, step), row, H),
        .h = row_of(state_after(layer, layer->h, step), row, H),
        .c = row_of(state_after(layer, layer->c, step), row, H),
        .saved = row_of(layer->saved, position, H),
    };
}

/* The bias that goes with X·W_x. */
static const float *input_bias(struct layer *layer)
{
    const struct packed_layer *weights = layer->weights;
    if (!weights->b_h || layer->cell->splits_recurrent)
        return weights->b;
    vector_sum(weights->gate_width, weights->b, weights->b_h, layer->bias);
    return layer->bias;
}

/* What H·W_h of a row goes into, and after the cell's backward the gradient of that. */
static float *state_gates(const struct layer *layer, size_t step, size_t row)
{
    return row_of(layer->recurrent ? layer->recurrent : layer->gates, step * layer->rows + row,
                  layer->gate_stride);
}

static void multiply_state(struct layer *layer, size_t step, struct range rows)
{
    size_t H = layer->weights->hidden;
    size_t stride = layer->gate_stride;
    float *sums = state_gates(layer, step, rows.first);
    bool accumulate = true;
    if (layer->recurrent) {
        accumulate = layer->weights->b_h != NULL;
        for (size_t row = 0; row < rows.count && accumulate; row++)
            memcpy(sums + row * stride, layer->weights->b_h, layer->weights->gate_width * sizeof *sums);
    }
    const float *h_previous = row_of(state_before(layer, layer->h, step), rows.first, H);
    struct panels_source h = {h_previous, .lanes = rows.count, .depth = H, H, 1};
    panels_multiply_matrix(sums, stride, &h, &layer->h_rows, &layer->weights->W_h_forward, accumulate);
}

/* gates = W_x[token] + b, for the tokens of some rows of a step. */
static void select_rows(struct layer *layer, const uint32_t *tokens, const float *bias, size_t step,
                        struct range rows)
{
    size_t G = layer->weights->gate_width;
    float *gates = row_of(layer->gates, step * layer->rows + rows.first, layer->gate_stride);
    for (size_t row = 0; row < rows.count; row++)
        vector_sum(G, layer->weights->W_x + tokens[row] * G, bias, gates + row * layer->gate_stride);
}

/* gates = X·W_x + b, for all steps. */
static void multiply_input(struct layer *layer, const float *x, const float *bias, size_t steps)
{
    size_t G = layer->weights->gate_width;
    for (size_t position = 0; position < steps * layer->rows; position++)
        memcpy(layer->gates + position * layer->gate_stride, bias, G * sizeof *bias);
    dense_input_forward(&layer->input, x, steps * layer->rows, layer->gates, layer->gate_stride);
}

/* To or from the place of the carried state in the arrays of states. */
static void copy_state(float *to, const float *from, size_t floats)
{
    if (to)
        memcpy(to, from, floats * sizeof *to);
}

static struct range block_at(const struct layer *layer, size_t row)
{
    return (struct range){row, smaller(layer->block_rows, layer->rows - row)};
}

static void block_forward(struct layer *layer, const struct layer_input *input, const float *bias,
                          size_t step, struct range rows)
{
    if (reads_tokens(layer))
        select_rows(layer, input->tokens + step * layer->rows + rows.first, bias, step, rows);
    multiply_state(layer, step, rows);
    for (size_t row = rows.first; row < rows.first + rows.count; row++) {
        struct cell_row cell_row = cell_row_at(layer, step, row);
        layer->functions->forward(layer->weights->hidden, &cell_row);
    }
}

void layer_forward(struct layer *layer, const struct layer_input *input, size_t steps,
                   struct phase_times *times)
{
    size_t H = layer->weights->hidden;
    size_t state = layer->rows * H;
    size_t first = step_of_turn(layer, 0, steps);
    size_t last = step_of_turn(layer, steps - 1, steps);
    const float *bias = input_bias(layer);
    copy_state(state_before(layer, layer->h, first), layer->h_carried, state);
    copy_state(state_before(layer, layer->c, first), layer->c_carried, state);
    phase_start(times);
    if (!reads_tokens(layer))
        multiply_input(layer, input->x, bias, steps);
    phase_end(times, PHASE_INPUT);
    for (size_t turn = 0; turn < steps; turn++) {
        size_t step = step_of_turn(layer, turn, steps);
        for (size_t row = 0; row < layer->rows; row += layer->block_rows)
            block_forward(layer, input, bias, step, block_at(layer, row));
    }
    copy_state(layer->h_carried, state_after(layer, layer->h, last), state);
    copy_state(layer->c_carried, state_after(layer, layer->c, last), state);
    phase_end(times, PHASE_STEPS_FORWARD);
}

/* Leaves the gradient of the pre-activations in `gates` and `recurrent`, and adds that of H before the step
 * to `dh_previous`; NULL: that is the carried state, cut off from the gradient. */
static void block_backward(struct layer *layer, const float *dh, float *dh_previous, size_t step,
                           struct range rows)
{
    size_t H = layer->weights->hidden;
    size_t G = layer->weights->gate_width;
    for (size_t row = rows.first; row < rows.first + rows.count; row++) {
        struct cell_row cell_row = cell_row_at(layer, step, row);
        layer->functions->backward(H, &cell_row, dh + row * H, row_of(dh_previous, row, H),
                                   row_of(layer->dc, row, H));
    }
    if (!dh_previous)
        return;
    const float *gates = state_gates(layer, step, rows.first);
    struct panels_source dgates = {gates, .lanes = rows.count, .depth = G, layer->gate_stride, 1};
    panels_multiply_matrix(row_of(dh_previous, rows.first, H), H, &dgates, &layer->gate_rows,
                           &layer->weights->W_h_backward, true);
}

/* Gradients of weights are summed for the steps of a chunk at a time, while those of its gates are in the
 * caches. */
struct chunk {
    struct range positions; /* of all [T, rows] */
    bool first;
    const float *h_before;           /* [positions, H]: before each of them */
    struct position_values of_input; /* the gradients of X·W_x + b, and of H·W_h + b_h: */
    struct position_values of_state; /* the same numbers where the cell does not split them */
};

static struct position_values gates_at(const struct layer *layer, const struct gradient_sums *sums,
                                       const float *gates, struct range positions)
{
    return gradient_sums_values(
        sums, (struct position_values){.values = gates + positions.first * layer->gate_stride,
                                       .positions = positions.count,
                                       .width = layer->weights->gate_width,
                                       .stride = layer->gate_stride});
}

static struct chunk chunk_of(const struct layer *layer, const struct gradient_sums *sums, struct range steps,
                             bool first)
{
    struct chunk chunk = {.positions = {steps.first * layer->rows, steps.count * layer->rows},
                          .first = first,
                          .h_before = state_before(layer, layer->h, steps.first)};
    chunk.of_input = gates_at(layer, sums, layer->gates, chunk.positions);
    chunk.of_state =
        layer->recurrent ? gates_at(layer, sums, layer->recurrent, chunk.positions) : chunk.of_input;
    return chunk;
}

static void state_gradients(struct layer *layer, const struct layer_gradients *gradients,
                            const struct chunk *chunk)
{
    size_t H = layer->weights->hidden;
    const struct gradient_sums *sums = &gradients->sums;
    struct position_values h =
        gradient_sums_values(sums, position_values_dense(chunk->h_before, chunk->positions.count, H));
    position_panels_pack(&layer->h_columns, &h);
    position_panels_pack(&layer->chunk_gates, &chunk->of_state);
    gradient_sums_product(sums, gradients->W_h, &layer->h_columns, &layer->chunk_gates, !chunk->first);
}

/* Of tokens, adds the gradient of each one's gates to its row of W_x's. */
static void bias_and_token_gradients_of(const struct layer *layer, const struct layer_gradients *gradients,
                                        const struct chunk *chunk)
{
    const struct gradient_sums *sums = &gradients->sums;
    gradient_sums_vector(sums, gradients->b, &chunk->of_input, !chunk->first);
    if (gradients->has_b_h)
        gradient_sums_vector(sums, gradients->b_h, &chunk->of_state, !chunk->first);
    if (reads_tokens(layer))
        gradient_sums_rows(sums, gradients->W_x, gradients->token_stride, &chunk->of_input,
                           gradients->token_rows + chunk->positions.first);
}

static struct position_values some_of(struct position_values values, struct range positions)
{
    values.values += positions.first * values.stride;
    values.positions = positions.count;
    return values;
}

/* A few positions at a time, whose gates are still in the L1 cache for the sum that comes second. */
static void bias_and_token_gradients(const struct layer *layer, const struct layer_gradients *gradients,
                                     const struct chunk *chunk)
{
    enum { POSITIONS_AT_ONCE = 8 };
    size_t count = chunk->positions.count;
    size_t parts = gradients->sums.exact ? 1 : larger(1, divide_up(count, POSITIONS_AT_ONCE));
    for (size_t i = 0; i < parts; i++) {
        struct range some = partition_range(count, parts, i);
        struct chunk part = {.positions = {chunk->positions.first + some.first, some.count},
                             .first = chunk->first && i == 0,
                             .of_input = some_of(chunk->of_input, some),
                             .of_state = some_of(chunk->of_state, some)};
        bias_and_token_gradients_of(layer, gradients, &part);
    }
}

static void input_gradients(struct layer *layer, const float *x, const struct layer_gradients *gradients,
                            const struct chunk *chunk, struct phase_times *times)
{
    size_t place = chunk->positions.first * layer->weights->input_width;
    if (layer->recurrent)
        position_panels_pack(&layer->chunk_gates, &chunk->of_input);
    dense_input_weight_gradient(&layer->input, x + place, &gradients->sums, gradients->W_x,
                                &layer->chunk_gates, !chunk->first);
    phase_end(times, PHASE_DW_X);
    dense_input_backward(&layer->input, &chunk->of_input, gradients->x + place, gradients->adds_to_x);
    phase_end(times, PHASE_INPUT_GRADIENT);
}

static void chunk_gradients(struct layer *layer, const struct layer_input *input,
                            const struct layer_gradients *gradients, const struct chunk *chunk,
                            struct phase_times *times)
{
    state_gradients(layer, gradients, chunk);
    phase_end(times, PHASE_DW_H);
    bias_and_token_gradients(layer, gradients, chunk);
    phase_end(times, PHASE_DW_X);
    if (!reads_tokens(layer))
        input_gradients(layer, input->x, gradients, chunk, times);
}

static void steps_backward(struct layer *layer, float *dh, struct range turns,
                           const struct gradients_listener *listener)
{
    size_t state = layer->rows * layer->weights->hidden;
    for (size_t turn = turns.first + turns.count; turn-- > turns.first;) {
        size_t step = step_of_turn(layer, turn, layer->steps);
        float *dh_previous = turn > 0 ? dh + step_of_turn(layer, turn - 1, layer->steps) * state : NULL;
        for (size_t row = 0; row < layer->rows; row += layer->block_rows)
            block_backward(layer, dh + step * state, dh_previous, step, block_at(layer, row));
        if (listener)
            listener->still_computing(listener->context);
    }
}

static struct range steps_of_turns(const struct layer *layer, struct range turns)
{
    size_t end = turns.first + turns.count;
    return (struct range){layer->reverse ? layer->steps - end : turns.first, turns.count};
}

void layer_backward(struct layer *layer, float *dh, const struct layer_input *input,
                    const struct layer_gradients *gradients, const struct gradients_listener *listener,
                    struct phase_times *times)
{
    size_t state = layer->rows * layer->weights->hidden;
    phase_start(times);
    if (layer->dc)
        memset(layer->dc, 0, state * sizeof *layer->dc);
    for (size_t i = layer->chunks; i-- > 0;) {
        struct range turns = partition_range(layer->steps, layer->chunks, i);
        steps_backward(layer, dh, turns, listener);
        phase_end(times, PHASE_STEPS_BACKWARD);
        struct chunk chunk =
            chunk_of(layer, &gradients->sums, steps_of_turns(layer, turns), i == layer->chunks - 1);
        chunk_gradients(layer, input, gradients, &chunk, times);
    }
}
