#include "lstm_mpi/model/model.h"

#include "lstm_mpi/base/memory.h"
#include "output.h"
#include "output_exact.h"
#include "stack.h"

#include <string.h>

struct model {
    struct stack stack;
    struct output output;
    struct output_exact output_exact; /* empty where gradients are summed plainly */
    struct phase_times times;
};

static enum status create(struct model **out, const struct model_spec *spec,
                          const struct packed_weights *weights, size_t rows, size_t steps, bool exact,
                          struct error *error)
{
    enum status status;
    struct model *model = NULL;
    TRY(memory_new(&model, 1, error));
    TRY(stack_create(&model->stack, spec, weights, rows, steps, exact, error));
    TRY(output_create(&model->output, weights, rows * steps, exact ? steps : 0, error));
    if (exact)
        TRY(output_exact_create(&model->output_exact, &model->output, rows, steps, error));
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
    stack_free(&model->stack);
    output_exact_free(&model->output_exact);
    output_free(&model->output);
    memory_free(model);
}

void model_zero_state(struct model *model)
{
    struct model_state state = model_state(model);
    memset(state.h, 0, state.floats * sizeof *state.h);
    if (state.c)
        memset(state.c, 0, state.floats * sizeof *state.c);
}

struct model_state model_state(struct model *model)
{
    return (struct model_state){
        .h = model->stack.h,
        .c = model->stack.c,
        .layers = model->stack.spec.num_layers * model_directions(&model->stack.spec),
        .floats = stack_state_floats(&model->stack),
    };
}

/* The output layer's part of the gradients: its W and b, or b alone, and a tied embedding behind it that the
 * input adds to. */
static struct range output_range(const struct parameters *parameters)
{
    const struct parameter *W = parameters_find(parameters, "output/W");
    const struct parameter *b = parameters_find(parameters, "output/b");
    size_t first = (W ? W : b)->offset;
    size_t end = W ? parameters->dense_size : parameters_find(parameters, "embedding/W")->offset;
    return (struct range){first, end - first};
}

static void tell_final(const struct gradients_listener *listener, size_t first, size_t end)
{
    if (listener && end > first)
        listener->final(listener->context, (struct range){first, end - first});
}

static size_t offset_of(const struct model *model, const char *path)
{
    return parameters_find(&model->stack.parameters, path)->offset;
}

/* Back to the gradient of h, which is in stack->above then; returns the loss. */
static double output_backward(struct model *model, const float *h, const uint32_t *targets, float scale,
                              const struct gradient_sums *sums)
{
    struct stack *stack = &model->stack;
    size_t W = offset_of(model, stack->spec.tie_weights ? "embedding/W" : "output/W");
    size_t b = offset_of(model, "output/b");
    if (sums->exact) {
        output_exact_loss(&model->output_exact, h, targets, scale, stack->above, sums, W, b, &model->times);
        return 0;
    }
    struct output_gradients gradients = {.W = sums->plain + W, .b = sums->plain + b};
    return output_loss(&model->output, h, targets, stack->rows * stack->steps, scale, stack->above,
                       &gradients, &model->times);
}

static struct dropout_address dropout_of(const struct model *model, const struct model_batch *batch)
{
    return (struct dropout_address){
        .seed = model->stack.spec.dropout_seed, .update = batch->update, .first_row = batch->first_row};
}

static double compute_gradients(struct model *model, const struct model_batch *batch, float scale,
                                struct gradient_sums sums, const struct gradients_listener *listener)
{
    struct stack *stack = &model->stack;
    struct stack_gradients of_stack = {sums, batch->input_rows, listener};
    struct dropout_address dropout = dropout_of(model, batch);
    const float *h = stack_forward(stack, batch->inputs, stack->steps, &dropout, &model->times);
    double loss = output_backward(model, h, batch->targets, scale, &sums);
    struct range of_output_alone = output_range(&stack->parameters);
    size_t end = of_output_alone.first + of_output_alone.count;
    tell_final(listener, of_output_alone.first, end);
    stack_backward(stack, batch->inputs, &of_stack, &model->times);
    tell_final(listener, 0, of_output_alone.first);
    tell_final(listener, end, stack->parameters.dense_size);
    return loss;
}

double model_gradients(struct model *model, const struct model_batch *batch, float scale, float *gradients,
                       const struct gradients_listener *listener)
{
    return compute_gradients(model, batch, scale, (struct gradient_sums){.plain = gradients}, listener);
}

void model_gradients_exact(struct model *model, const struct model_batch *batch, float scale,
                           const struct exact_gradients *exact)
{
    (void)compute_gradients(model, batch, scale, (struct gradient_sums){.exact = exact}, NULL);
}

/* Without dropout where `dropout` is NULL. */
static void compute_losses(struct model *model, const uint32_t *inputs, const uint32_t *targets, size_t steps,
                           const struct dropout_address *dropout, double *losses)
{
    const float *h = stack_forward(&model->stack, inputs, steps, dropout, &model->times);
    output_row_losses(&model->output, h, targets, model->stack.rows * steps, losses, &model->times);
}

void model_losses(struct model *model, const uint32_t *inputs, const uint32_t *targets, size_t steps,
                  double *losses)
{
    compute_losses(model, inputs, targets, steps, NULL, losses);
}

void model_batch_losses(struct model *model, const struct model_batch *batch, double *losses)
{
    struct dropout_address dropout = dropout_of(model, batch);
    compute_losses(model, batch->inputs, batch->targets, model->stack.steps, &dropout, losses);
}

void model_step(struct model *model, const uint32_t *tokens, float *logits)
{
    const float *h = stack_forward(&model->stack, tokens, 1, NULL, &model->times);
    if (logits)
        output_logits(&model->output, h, model->stack.rows, logits);
}

size_t model_bytes(const struct model *model)
{
    return sizeof *model + model->stack.spec.num_layers * sizeof *model->stack.layers +
           sizeof(float) * (stack_floats(&model->stack) + output_floats(&model->output) +
                            output_exact_floats(&model->output_exact));
}

struct phase_times *model_phase_times(struct model *model)
{
    return &model->times;
}
