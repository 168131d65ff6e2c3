#include "random_batch.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"

enum { INPUTS, TARGETS, STATE_H, STATE_C };

static void fill_tokens(uint32_t *tokens, const struct random_batch *batch, uint64_t kind, size_t vocabulary)
{
    uint64_t stream = random_stream(RANDOM_CHECK, kind);
    for (size_t step = 0; step < batch->batch.steps; step++) {
        for (size_t row = 0; row < batch->batch.rows; row++) {
            uint64_t place = (uint64_t)(batch->batch.first_row + row) * batch->batch.steps + step;
            tokens[step * batch->batch.rows + row] =
                (uint32_t)random_below(batch->seed, stream, place, vocabulary);
        }
    }
}

enum status random_batch_create(struct random_batch *batch, size_t vocabulary, struct range rows,
                                size_t steps, uint64_t seed, struct error *error)
{
    enum status status;
    *batch = (struct random_batch){.seed = seed};
    TRY(memory_new(&batch->inputs, steps * rows.count, error));
    TRY(memory_new(&batch->targets, steps * rows.count, error));
    batch->batch = (struct batch){
        .inputs = batch->inputs,
        .targets = batch->targets,
        .rows = rows.count,
        .steps = steps,
        .first_row = rows.first,
    };
    fill_tokens(batch->inputs, batch, INPUTS, vocabulary);
    fill_tokens(batch->targets, batch, TARGETS, vocabulary);
done:
    return status;
}

void random_batch_free(struct random_batch *batch)
{
    memory_free(batch->inputs);
    memory_free(batch->targets);
    *batch = (struct random_batch){0};
}

/* `values`: [layers, rows, hidden], each number between -1 and 1. */
static void fill_state(float *values, const struct random_batch *batch, uint64_t kind,
                       const struct model_state *state)
{
    uint64_t stream = random_stream(RANDOM_CHECK, kind);
    size_t rows = batch->batch.rows;
    if (rows == 0)
        return;
    size_t hidden = state->floats / (state->layers * rows);
    for (size_t i = 0; i < state->floats; i++) {
        uint64_t row = batch->batch.first_row + i / hidden % rows;
        uint64_t place = (row * state->layers + i / (rows * hidden)) * hidden + i % hidden;
        values[i] = (float)(2 * random_uniform(batch->seed, stream, place) - 1);
    }
}

void random_batch_begin(const struct random_batch *batch, struct model *model)
{
    struct model_state state = model_state(model);
    fill_state(state.h, batch, STATE_H, &state);
    if (state.c)
        fill_state(state.c, batch, STATE_C, &state);
}
