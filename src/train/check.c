#include "lstm_mpi/train/check.h"

#include "gradient_check.h"
#include "inputs.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/model/initialize.h"
#include "random_batch.h"
#include "update.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Adam's steps do not shrink with the gradient; a wide layer adds up more of them. */
static const double rate_of_one_unit = 0.1;

/* Of those that --init uniform draws: signals neither fade on their way through several layers nor saturate.
 */
static const float larger_weights = 2;

static const double learned_perplexity = 1.01;
enum { MOST_UPDATES = 1000 };

/* Tensors whose gradients are wrong, for the error, which has room for a few. */
enum { MOST_NAMED = 6 };
struct wrong_tensors {
    size_t count;
    double largest_difference;
    char names[MOST_NAMED * (PARAMETER_PATH_BYTES + 16)];
};

static void add_wrong(struct wrong_tensors *wrong, const struct check_tensor *tensor)
{
    size_t used = strlen(wrong->names);
    wrong->largest_difference = fmax(wrong->largest_difference, tensor->difference);
    if (wrong->count++ < MOST_NAMED)
        snprintf(wrong->names + used, sizeof wrong->names - used, "%s/model/%s", used > 0 ? ", " : "",
                 tensor->parameter->path);
}

static enum status wrong_gradients(const struct wrong_tensors *wrong, struct error *error)
{
    error_set(error, STATUS_FAILED, "the gradient%s of %s%s", wrong->count > 1 ? "s" : "", wrong->names,
              wrong->count > MOST_NAMED ? ", …" : "");
    error_why(error, "%zu tensor%s differ%s from central differences of the loss by up to %.2g of the norm",
              wrong->count, wrong->count > 1 ? "s" : "", wrong->count > 1 ? "" : "s",
              wrong->largest_difference);
    return error_remedy(error, "compare the backward step of the cell with its forward step");
}

static enum status create_update(struct update *update, const struct comm *comm,
                                 const struct check_spec *spec, const float *weights,
                                 const struct optimizer *optimizer, double dropout, struct error *error)
{
    enum status status;
    struct update_spec update_spec = {
        .model = *spec->model,
        .rows = comm_rows(comm, spec->batch_size).count,
        .batch_size = spec->batch_size,
        .num_steps = spec->num_steps,
        .optimizer = *optimizer,
        .rank_invariant = spec->rank_invariant,
    };
    update_spec.model.dropout = dropout;
    TRY(update_create(update, comm, &update_spec, error));
    struct range mine =
        partition_range(update->parameters.size, (size_t)comm->node_size, (size_t)comm->node_rank);
    memcpy(update->weights + mine.first, weights + mine.first, mine.count * sizeof(float));
    TRY(update_load_weights(update, error));
done:
    return status;
}

static bool leaves_open(const struct gradient_finding *finding)
{
    return finding->left_open && !finding->wrong;
}

/* Looks at every tensor where the findings leave something open. */
static enum status check_gradients(const struct comm *comm, const struct check_spec *spec,
                                   const struct random_batch *batch, const float *weights,
                                   struct gradient_finding *findings, struct error *error)
{
    enum status status;
    struct optimizer keeps_gradients = {.ops = optimizer_find("sgd"), .momentum = 0.5};
    struct update update = {0};
    struct gradient_check check = {0};
    TRY(create_update(&update, comm, spec, weights, &keeps_gradients, spec->model->dropout, error));
    TRY(gradient_check_create(&check, &update, batch, weights, error));
    for (size_t i = 0; i < update.parameters.count; i++) {
        if (leaves_open(&findings[i]))
            TRY(gradient_check_tensor(&check, i, &findings[i], error));
    }
done:
    gradient_check_free(&check);
    update_free(&update);
    return status;
}

/* The same batch in every update, without dropout, which is made to prevent this. */
static enum status overfit(const struct comm *comm, const struct check_spec *spec,
                           const struct random_batch *batch, struct check_overfit *result,
                           struct error *error)
{
    enum status status;
    struct optimizer adam = {.ops = optimizer_find("adam")};
    double rate = rate_of_one_unit / sqrt((double)spec->model->hidden_size);
    struct update update = {0};
    bool goes_on = true;
    *result = (struct check_overfit){0};
    TRY(create_update(&update, comm, spec, spec->weights, &adam, 0, error));
    while (goes_on) {
        struct totals totals = {0};
        random_batch_begin(batch, update.model);
        TRY(update_run(&update, &batch->batch, rate, &totals, error));
        result->perplexity = exp(totals.loss / (double)(spec->batch_size * spec->num_steps));
        result->updates = update.number - 1;
        if (result->updates == 0)
            result->first_perplexity = result->perplexity;
        result->learned = result->perplexity <= learned_perplexity;
        goes_on = !result->learned && result->updates < MOST_UPDATES && update_is_finite(&update, &totals);
    }
done:
    update_free(&update);
    return status;
}

static enum status not_learned(const struct check_overfit *result, struct error *error)
{
    error_set(error, STATUS_FAILED, "one batch cannot be learned by heart");
    error_why(error, "its perplexity is %.4g after %llu updates, and should be 1", result->perplexity,
              (unsigned long long)result->updates);
    return error_remedy(error, "give a network of a few units a smaller batch, --batch-size or --num-steps");
}

/* What the check holds. */
struct check {
    struct parameters parameters;
    struct random_batch batch;
    struct gradient_finding findings[PARAMETER_MAX_COUNT];
};

static enum status create(struct check **out, const struct comm *comm, const struct check_spec *spec,
                          struct error *error)
{
    enum status status;
    struct range rows = comm_rows(comm, spec->batch_size);
    TRY(memory_new(out, 1, error));
    struct check *check = *out;
    TRY(parameters_layout(&check->parameters, spec->model, error));
    TRY(random_batch_create(&check->batch, spec->model->vocabulary_size, rows, spec->num_steps, spec->seed,
                            error));
    for (size_t i = 0; i < check->parameters.count; i++)
        check->findings[i] =
            (struct gradient_finding){.tensor.parameter = &check->parameters.table[i], .left_open = true};
done:
    return status;
}

static void destroy(struct check *check)
{
    if (!check)
        return;
    random_batch_free(&check->batch);
    memory_free(check);
}

/* Where the gradients at weights that a run begins with are too small, since the weights are, they are no
 * different in kind at larger ones. */
static enum status check_open_gradients(const struct comm *comm, const struct check_spec *spec,
                                        struct check *check, struct error *error)
{
    enum status status;
    float *weights = NULL;
    bool any = false;
    for (size_t i = 0; i < check->parameters.count; i++) {
        struct gradient_finding *finding = &check->findings[i];
        finding->tensor.needed_larger_weights = leaves_open(finding);
        any = any || leaves_open(finding);
    }
    if (!any)
        return STATUS_OK;
    TRY(agree_on_status(comm, memory_new(&weights, check->parameters.size, error), error));
    initialize_uniform(weights, &check->parameters, spec->seed, 0, 1);
    vector_scale(check->parameters.size, larger_weights, weights);
    TRY(check_gradients(comm, spec, &check->batch, weights, check->findings, error));
done:
    memory_free(weights);
    return status;
}

static enum status judge(const struct check *check, const struct check_overfit *result, struct error *error)
{
    struct wrong_tensors wrong = {0};
    for (size_t i = 0; i < check->parameters.count; i++) {
        if (check->findings[i].wrong)
            add_wrong(&wrong, &check->findings[i].tensor);
    }
    if (wrong.count > 0)
        return wrong_gradients(&wrong, error);
    return result->learned ? STATUS_OK : not_learned(result, error);
}

enum status check_run(const struct comm *comm, const struct check_spec *spec,
                      const struct check_observer *observer, struct error *error)
{
    enum status status;
    struct check *check = NULL;
    struct check_overfit result;
    TRY(inputs_check_ranks(comm, spec->batch_size, error));
    TRY(agree_on_status(comm, create(&check, comm, spec, error), error));
    TRY(check_gradients(comm, spec, &check->batch, spec->weights, check->findings, error));
    TRY(check_open_gradients(comm, spec, check, error));
    for (size_t i = 0; comm->rank == 0 && i < check->parameters.count; i++)
        observer->tensor(observer->context, &check->findings[i].tensor);
    TRY(overfit(comm, spec, &check->batch, &result, error));
    if (comm->rank == 0)
        observer->overfit(observer->context, &result);
    TRY(judge(check, &result, error));
done:
    destroy(check);
    return status;
}
