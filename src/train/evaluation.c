#include "evaluation.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/watch.h"
#include "stage.h"

#include <string.h>

/* The inputs of row `row` of all, as places in the text; its targets are one further. */
static struct range row_inputs(const struct evaluation_spec *spec, size_t row)
{
    return partition_range(spec->tokens - 1, spec->batch_size, row);
}

struct range evaluation_tokens(const struct evaluation_spec *spec)
{
    if (spec->rows.count == 0)
        return (struct range){0};
    size_t first = row_inputs(spec, spec->rows.first).first;
    struct range last = row_inputs(spec, spec->rows.first + spec->rows.count - 1);
    return (struct range){first, last.first + last.count + 1 - first};
}

enum status evaluation_create(struct evaluation *evaluation, const struct evaluation_spec *spec,
                              struct error *error)
{
    enum status status;
    size_t places = spec->num_steps * spec->rows.count;
    *evaluation = (struct evaluation){.spec = *spec};
    TRY(memory_new(&evaluation->tokens, spec->num_steps + 1, error));
    TRY(memory_new(&evaluation->inputs, places, error));
    TRY(memory_new(&evaluation->targets, places, error));
    TRY(memory_new(&evaluation->losses, places, error));
    TRY(memory_new(&evaluation->row_losses, spec->batch_size, error));
done:
    if (status != STATUS_OK)
        evaluation_free(evaluation);
    return status;
}

void evaluation_free(struct evaluation *evaluation)
{
    memory_free(evaluation->tokens);
    memory_free(evaluation->inputs);
    memory_free(evaluation->targets);
    memory_free(evaluation->losses);
    memory_free(evaluation->row_losses);
    *evaluation = (struct evaluation){0};
}

/* A row that has ended reads token 0; its losses are not looked at. */
static enum status fill_row(struct evaluation *evaluation, const struct evaluation_text *text, size_t row,
                            size_t begin, size_t steps, struct error *error)
{
    const struct evaluation_spec *spec = &evaluation->spec;
    struct range inputs = row_inputs(spec, spec->rows.first + row);
    size_t left = begin < inputs.count ? inputs.count - begin : 0;
    size_t inside = left < steps ? left : steps;
    if (inside > 0) {
        struct range tokens = {inputs.first + begin, inside + 1};
        enum status status = text->read(text->context, row, tokens, evaluation->tokens, error);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t step = 0; step < steps; step++) {
        size_t at = step * spec->rows.count + row;
        evaluation->inputs[at] = step < inside ? evaluation->tokens[step] : 0;
        evaluation->targets[at] = step < inside ? evaluation->tokens[step + 1] : 0;
    }
    return STATUS_OK;
}

/* Of the rows that have one of these lengths, as far as they reach. */
static void add_losses(struct evaluation *evaluation, size_t begin, size_t steps, struct range lengths)
{
    const struct evaluation_spec *spec = &evaluation->spec;
    for (size_t row = 0; row < spec->rows.count; row++) {
        size_t global_row = spec->rows.first + row;
        size_t length = row_inputs(spec, global_row).count;
        if (length < lengths.first || length >= lengths.first + lengths.count)
            continue;
        for (size_t step = 0; step < steps && begin + step < length; step++)
            evaluation->row_losses[global_row] += evaluation->losses[step * spec->rows.count + row];
    }
}

/* Counts the rows that have one of these lengths. */
static enum status read_window(struct evaluation *evaluation, struct model *model,
                               const struct evaluation_text *text, size_t begin, size_t steps,
                               struct range lengths, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t row = 0; row < evaluation->spec.rows.count; row++)
        TRY(fill_row(evaluation, text, row, begin, steps, error));
    model_losses(model, evaluation->inputs, evaluation->targets, steps, evaluation->losses);
    add_losses(evaluation, begin, steps, lengths);
done:
    return status;
}

/* The last window twice: for the rows that end with it, and before that for those that are a step shorter. */
static enum status read_both_ends(struct evaluation *evaluation, struct model *model,
                                  const struct evaluation_text *text, size_t begin, size_t steps,
                                  struct error *error)
{
    enum status status;
    struct model_state state = model_state(model);
    float *h = NULL;
    float *c = NULL;
    size_t bytes = state.floats * sizeof *h;
    TRY(memory_new(&h, state.floats, error));
    TRY(memory_new(&c, state.floats, error));
    memcpy(h, state.h, bytes);
    if (state.c)
        memcpy(c, state.c, bytes);
    TRY(read_window(evaluation, model, text, begin, steps - 1, (struct range){begin + steps - 1, 1}, error));
    memcpy(state.h, h, bytes);
    if (state.c)
        memcpy(state.c, c, bytes);
    TRY(read_window(evaluation, model, text, begin, steps, (struct range){begin + steps, 1}, error));
done:
    memory_free(h);
    memory_free(c);
    return status;
}

/* All windows of this rank's rows. The longest row of all says how many: all ranks take as many steps. */
static enum status read_rows(struct evaluation *evaluation, const struct comm *comm, struct model *model,
                             const struct evaluation_text *text, struct error *error)
{
    enum status status = STATUS_OK;
    const struct evaluation_spec *spec = &evaluation->spec;
    size_t longest = row_inputs(spec, 0).count;
    model_zero_state(model);
    for (size_t begin = 0; begin < longest; begin += spec->num_steps) {
        size_t left = longest - begin;
        size_t steps = left < spec->num_steps ? left : spec->num_steps;
        watch_step(comm, STAGE_VALIDATION, 0);
        if (spec->bidirectional && steps == left && steps > 1)
            TRY(read_both_ends(evaluation, model, text, begin, steps, error));
        else
            TRY(read_window(evaluation, model, text, begin, steps, (struct range){0, longest + 1}, error));
    }
done:
    return status;
}

enum status evaluation_run(struct evaluation *evaluation, const struct comm *comm, struct model *model,
                           const struct evaluation_text *text, double *mean_loss, struct error *error)
{
    enum status status;
    const struct evaluation_spec *spec = &evaluation->spec;
    memset(evaluation->row_losses, 0, spec->batch_size * sizeof *evaluation->row_losses);
    status = read_rows(evaluation, comm, model, text, error);
    comm_rest(comm);
    TRY(agree_on_status(comm, status, error));
    TRY(comm_sum_f64(comm, evaluation->row_losses, spec->batch_size, error));
    double sum = 0;
    for (size_t row = 0; row < spec->batch_size; row++)
        sum += evaluation->row_losses[row];
    *mean_loss = sum / (double)(spec->tokens - 1);
done:
    return status;
}

enum status evaluation_memory_read(void *context, size_t row, struct range tokens, uint32_t *ids,
                                   struct error *error)
{
    (void)row;
    (void)error;
    const struct evaluation_memory *memory = context;
    token_ids_read(token_ids_from(memory->ids, tokens.first - memory->first), tokens.count, ids);
    return STATUS_OK;
}
