#include "command_check.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/config/settings_check.h"
#include "lstm_mpi/config/settings_saved.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "lstm_mpi/train/check.h"
#include "shown.h"
#include "trained_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A prime: it fills no panel. */
enum { VOCABULARY = 101, ROWS = 4, STEPS = 5, HIDDEN = 16 };

/* What was printed so far. */
struct table {
    bool has_note;
};

/* The numbers of a network that is small, and whose weights are large enough for every gradient to show. */
static void take_small_defaults(struct settings *settings, const struct comm *comm)
{
    uint64_t ranks = (uint64_t)comm->size;
    if (!settings_given(settings, "batch-size"))
        settings->batch_size = ranks > ROWS ? ranks : ROWS;
    if (!settings_given(settings, "num-steps"))
        settings->num_steps = STEPS;
    if (!settings_given(settings, "hidden-size"))
        settings->hidden_size = HIDDEN;
    if (!settings_given(settings, "init"))
        settings->init = SETTINGS_INIT_UNIFORM;
}

static enum status draw_model(struct trained_model *model, const struct settings *settings,
                              struct error *error)
{
    enum status status;
    struct parameters parameters;
    TRY(settings_check_model(settings, error));
    model->spec = settings_specs_model(settings, VOCABULARY);
    TRY(parameters_layout(&parameters, &model->spec, error));
    TRY(memory_new(&model->weights, parameters.size, error));
    (settings->init == SETTINGS_INIT_UNIFORM ? initialize_uniform : initialize_normal)(
        model->weights, &parameters, settings->seed, 0, 1);
done:
    return status;
}

/* What was asked for of the model's shape must be what the file has. */
static enum status check_given(const struct settings *asked, const struct settings *found,
                               const struct checkpoint *checkpoint, struct error *error)
{
    enum status status = STATUS_OK;
    char *given = NULL;
    char *theirs = NULL;
    for (size_t i = 0; i < settings_count && status == STATUS_OK; i++) {
        const struct settings_row *row = &settings_table[i];
        bool matters = row->shapes_model && (row->commands & SETTINGS_CHECK);
        if (!matters || !asked->given[i] || settings_equal(asked, found, row))
            continue;
        TRY(settings_text_get(&given, asked, row, error));
        TRY(settings_text_get(&theirs, found, row, error));
        error_set(error, STATUS_FAILED, "option --%s", row->name);
        error_why(error, "'%s' was given, but the model in %s has '%s'", given, checkpoint->path, theirs);
        status = error_remedy(error, "leave it out");
    }
done:
    memory_free(given);
    memory_free(theirs);
    return status;
}

static enum status read_model(struct trained_model *model, struct settings *settings,
                              const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    struct settings asked = *settings; /* none of its texts is looked at */
    TRY(settings_saved_one(settings, "dropout", checkpoint->saved, checkpoint->saved_count, checkpoint->path,
                           error));
    TRY(trained_model_read(model, settings, checkpoint, error));
    TRY(check_given(&asked, settings, checkpoint, error));
done:
    return status;
}

static void print_head(const struct comm *comm, const struct settings *settings,
                       const struct model_spec *model)
{
    char number[SHOWN_NUMBER_BYTES];
    struct parameters parameters;
    struct error ignored;
    uint64_t learned =
        parameters_layout(&parameters, model, &ignored) == STATUS_OK ? parameters_learned(&parameters) : 0;
    printf("model      %s", cell_names[settings->cell]);
    if (model->num_layers > 1)
        printf(", %zu layers", model->num_layers);
    if (model->bidirectional)
        printf(", both directions");
    printf(", hidden size %zu", model->hidden_size);
    if (model->embedding_size > 0)
        printf(", embedding size %zu%s", model->embedding_size,
               model->tie_weights ? " (tied to the output)" : "");
    if (model->double_bias)
        printf(", two biases");
    if (model->dropout > 0)
        printf(", dropout %g", model->dropout);
    printf(", vocabulary %zu: %s parameters, ", model->vocabulary_size, shown_grouped(number, learned));
    if (settings->checkpoint)
        printf("of %s\n", settings->checkpoint);
    else
        printf("fresh\n");
    const char *level = vector_level_name(vector_level_in_use());
    if (blis_setup_in_use()->own_loops)
        printf("arithmetic %s vector code, for products too\n", level);
    else
        printf("arithmetic %s kernels of BLIS, %s vector code\n", blis_setup_in_use()->configuration, level);
    printf("batch      %" PRIu64 " row%s of %" PRIu64 " random token%s, on %d rank%s\n\n",
           settings->batch_size, plural(settings->batch_size), settings->num_steps,
           plural(settings->num_steps), comm->size, plural((uint64_t)comm->size));
    printf("Gradients and central differences of the loss\n"
           "  %-28s %15s %13s %10s %10s\n",
           "tensor", "shape", "numbers", "directions", "difference");
    fflush(stdout);
}

static void print_tensor(void *context, const struct check_tensor *tensor)
{
    static const char *const verdicts[] = {
        [CHECK_RIGHT] = "ok",
        [CHECK_WRONG] = "WRONG",
        [CHECK_RIGHT_IN_PART] = "ok in part, else too small to tell",
        [CHECK_TOO_SMALL] = "too small to tell",
    };
    struct table *table = context;
    const struct parameter *parameter = tensor->parameter;
    char shape_text[SHOWN_SHAPE_BYTES];
    char number[SHOWN_NUMBER_BYTES];
    char path[TENSOR_PATH_BYTES];
    char difference[32] = "-";
    struct tensor shape = {.dims = {parameter->dims[0], parameter->dims[1]},
                           .dim_count = parameter->dim_count};
    snprintf(path, sizeof path, "/model/%s", parameter->path);
    if (tensor->directions > 0)
        snprintf(difference, sizeof difference, "%.1e", tensor->difference);
    printf("  %-28s %15s %13s %10zu %10s  %s%s\n", path, shown_shape(shape_text, &shape),
           shown_grouped(number, parameters_tensor_size(parameter)), tensor->directions, difference,
           verdicts[tensor->verdict], tensor->needed_larger_weights ? " *" : "");
    table->has_note = table->has_note || tensor->needed_larger_weights;
}

static void print_overfit(void *context, const struct check_overfit *overfit)
{
    const struct table *table = context;
    if (table->has_note)
        printf("  * also at larger weights, since not all of the gradient shows at these\n");
    printf("\nThe same batch in every update\n"
           "  perplexity %.1f at first, %.2f after %" PRIu64 " updates  %s\n",
           overfit->first_perplexity, overfit->perplexity, overfit->updates,
           overfit->learned ? "ok" : "NOT LEARNED");
}

enum status command_check(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct table table = {false};
    struct check_observer observer = {&table, print_tensor, print_overfit};
    struct checkpoint *checkpoint = NULL;
    struct trained_model model = {0};
    take_small_defaults(settings, comm);
    if (settings->checkpoint) {
        TRY(checkpoint_open(&checkpoint, comm, settings->checkpoint, CHECKPOINT_MODEL, error));
        TRY(agree_on_status(comm, read_model(&model, settings, checkpoint, error), error));
    } else {
        TRY(agree_on_status(comm, draw_model(&model, settings, error), error));
    }
    struct check_spec spec = {
        .model = &model.spec,
        .weights = model.weights,
        .batch_size = settings->batch_size,
        .num_steps = settings->num_steps,
        .seed = settings->seed,
        .rank_invariant = settings->rank_invariant,
    };
    if (comm->rank == 0)
        print_head(comm, settings, &model.spec);
    TRY(check_run(comm, &spec, &observer, error));
done:
    checkpoint_close(checkpoint);
    trained_model_free(&model);
    return status;
}
