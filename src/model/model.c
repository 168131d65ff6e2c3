#include "lstm_mpi/model/model.h"

#include "layer.h"
#include "lstm_mpi/base/memory.h"
#include "output.h"
#include "output_exact.h"

#include <string.h>

struct model {
    struct parameters parameters;
    struct layer layer;
    struct output output;
    struct output_exact output_exact; /* empty where gradients are summed plainly */
    size_t rows;
    size_t steps;
    float *dh; /* [steps, rows, H] */
    struct phase_times times;
};

static size_t offset_of(const struct model *model, const char *path)
{
    return parameters_find(&model->parameters, path)->offset;
}

static enum status create(struct model **out, const struct model_spec *spec,
                          const struct packed_weights *weights, size_t rows, size_t steps, bool exact,
                          struct error *error)
{
    enum status status;
    struct model *model = NULL;
    TRY(memory_new(&model, 1, error));
    model->rows = rows;
    model->steps = steps;
    TRY(parameters_layout(&model->parameters, spec, error));
    TRY(layer_create(&model->layer, spec->cell, weights, rows, steps, exact, error));
    TRY(output_create(&model->output, weights, rows * steps, exact ? steps : 0, error));
    if (exact)
        TRY(output_exact_create(&model->output_exact, &model->output, rows, steps, error));
    TRY(memory_new(&model->dh, rows * steps * spec->hidden_size, error));
done:
    if (status != STATUS_OK) {
        model_destroy(model);
        model = NULL;
    }
    *out = model;
    return status;
}

enum status model_create(struct model **out, const struct model_spec *spec,
                         const struct packed_weights *weights, size_t rows, size_t steps, struct error *error)
{
    return create(out, spec, weights, rows, steps, false, error);
}

enum status model_create_exact(struct model **out, const struct model_spec *spec,
                               const struct packed_weights *weights, size_t rows, size_t steps,
                               struct error *error)
{
    return create(out, spec, weights, rows, steps, true, error);
}

void model_destroy(struct model *model)
{
    if (!model)
        return;
    layer_free(&model->layer);
    output_exact_free(&model->output_exact);
    output_free(&model->output);
    memory_free(model->dh);
    memory_free(model);
}

void model_zero_state(struct model *model)
{
    size_t state_bytes = model->rows * model->layer.hidden * sizeof(float);
    memset(model->layer.h, 0, state_bytes);
    memset(model->layer.c, 0, state_bytes);
}

struct model_state model_state(struct model *model)
{
    return (struct model_state){
        .h = model->layer.h,
        .c = model->layer.cell->has_cell_state ? model->layer.c : NULL,
        .floats = model->rows * model->layer.hidden,
    };
}

static void tell_final(const struct gradients_listener *listener, size_t first, size_t end)
{
    if (listener)
        listener->final(listener->context, (struct range){first, end - first});
}

/* Forward, and back to the gradient of h; returns the loss. */
static double output_gradients(struct model *model, const uint32_t *targets, float scale,
                               const struct gradient_sums *sums)
{
    const float *h = model->layer.h + model->rows * model->layer.hidden;
    size_t W = offset_of(model, "output/W");
    size_t b = offset_of(model, "output/b");
    if (sums->exact) {
        output_exact_loss(&model->output_exact, h, targets, scale, model->dh, sums, W, b, &model->times);
        return 0;
    }
    struct output_gradients gradients = {.W = sums->plain + W, .b = sums->plain + b};
    return output_loss(&model->output, h, targets, model->rows * model->steps, scale, model->dh, &gradients,
                       &model->times);
}

static double gradients(struct model *model, const struct model_batch *batch, float scale,
                        struct gradient_sums sums, const struct gradients_listener *listener)
{
    struct layer_gradients layer_gradients = {
        .sums = sums,
        .W_x = offset_of(model, "layer0/W_x"),
        .W_h = offset_of(model, "layer0/W_h"),
        .b = offset_of(model, "layer0/b"),
    };
    phase_start(&model->times);
    layer_forward(&model->layer, batch->inputs, model->steps);
    phase_end(&model->times, PHASE_STEPS_FORWARD);
    double loss = output_gradients(model, batch->targets, scale, &sums);
    size_t output_first = offset_of(model, "output/W");
    tell_final(listener, output_first, model->parameters.dense_size);
    layer_backward(&model->layer, model->dh, batch->input_rows, &layer_gradients, listener, &model->times);
    tell_final(listener, 0, output_first);
    layer_carry(&model->layer, model->steps);
    return loss;
}

double model_gradients(struct model *model, const struct model_batch *batch, float scale, float *plain,
                       const struct gradients_listener *listener)
{
    return gradients(model, batch, scale, (struct gradient_sums){.plain = plain}, listener);
}

void model_gradients_exact(struct model *model, const struct model_batch *batch, float scale,
                           const struct exact_gradients *exact)
{
    (void)gradients(model, batch, scale, (struct gradient_sums){.exact = exact}, NULL);
}

void model_step(struct model *model, const uint32_t *tokens, float *logits)
{
    layer_forward(&model->layer, tokens, 1);
    layer_carry(&model->layer, 1);
    output_logits(&model->output, model->layer.h, model->rows, logits);
}

void model_losses(struct model *model, const uint32_t *inputs, const uint32_t *targets, size_t steps,
                  double *losses)
{
    size_t state = model->rows * model->layer.hidden;
    layer_forward(&model->layer, inputs, steps);
    output_row_losses(&model->output, model->layer.h + state, targets, model->rows * steps, losses);
    layer_carry(&model->layer, steps);
}

size_t model_bytes(const struct model *model)
{
    size_t dh = model->rows * model->steps * model->layer.hidden;
    return sizeof *model + sizeof(float) * (layer_floats(&model->layer) + output_floats(&model->output) +
                                            output_exact_floats(&model->output_exact) + dh);
}

struct phase_times *model_phase_times(struct model *model)
{
    return &model->times;
}

double model_operations_per_token(const struct model_spec *spec)
{
    double H = (double)spec->hidden_size;
    return 3 * 2 * (H * (double)spec->cell->gates * H + H * (double)spec->vocabulary_size);
}
