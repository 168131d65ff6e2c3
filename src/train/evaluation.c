#include "evaluation.h"

#include "lstm_mpi/base/memory.h"
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
    memory_free(evaluation->inputs);
    memory_free(evaluation->targets);
    memory_free(evaluation->losses);
    memory_free(evaluation->row_losses);
    *evaluation = (struct evaluation){0};
}

/* The window of all rows from step `begin` on. A row that has ended before reads token 0; its losses are not
 * looked at. */
static void fill_window(struct evaluation *evaluation, const uint32_t *ids, size_t begin, size_t steps)
{
    const struct evaluation_spec *spec = &evaluation->spec;
    size_t first_token = row_inputs(spec, spec->rows.first).first;
    for (size_t row = 0; row < spec->rows.count; row++) {
        struct range inputs = row_inputs(spec, spec->rows.first + row);
        const uint32_t *text = ids + (inputs.first - first_token);
        for (size_t step = 0; step < steps; step++) {
            size_t at = step * spec->rows.count + row;
            bool inside = begin + step < inputs.count;
            evaluation->inputs[at] = inside ? text[begin + step] : 0;
            evaluation->targets[at] = inside ? text[begin + step + 1] : 0;
        }
    }
}

static void add_losses(struct evaluation *evaluation, size_t begin, size_t steps)
{
    const struct evaluation_spec *spec = &evaluation->spec;
    for (size_t row = 0; row < spec->rows.count; row++) {
        size_t global_row = spec->rows.first + row;
        size_t length = row_inputs(spec, global_row).count;
        for (size_t step = 0; step < steps && begin + step < length; step++)
            evaluation->row_losses[global_row] += evaluation->losses[step * spec->rows.count + row];
    }
}

enum status evaluation_run(struct evaluation *evaluation, const struct comm *comm, struct model *model,
                           const uint32_t *ids, double *mean_loss, struct error *error)
{
    const struct evaluation_spec *spec = &evaluation->spec;
    size_t longest = row_inputs(spec, 0).count; /* on every rank: all take as many steps */
    memset(evaluation->row_losses, 0, spec->batch_size * sizeof *evaluation->row_losses);
    model_zero_state(model);
    for (size_t begin = 0; begin < longest; begin += spec->num_steps) {
        size_t left = longest - begin;
        size_t steps = left < spec->num_steps ? left : spec->num_steps;
        fill_window(evaluation, ids, begin, steps);
        watch_step(comm, STAGE_VALIDATION, 0);
        model_losses(model, evaluation->inputs, evaluation->targets, steps, evaluation->losses);
        add_losses(evaluation, begin, steps);
    }
    if (comm->size > 1) {
        enum status status = comm_sum_f64(comm, evaluation->row_losses, spec->batch_size, error);
        if (status != STATUS_OK)
            return status;
    }
    double sum = 0;
    for (size_t row = 0; row < spec->batch_size; row++)
        sum += evaluation->row_losses[row];
    *mean_loss = sum / (double)(spec->tokens - 1);
    return STATUS_OK;
}
