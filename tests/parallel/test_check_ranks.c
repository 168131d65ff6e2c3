/* The two tests of a network on several ranks: what they find is found alike on every rank, and it is what
 * one rank finds, within rounding. */

#include "lstm_mpi/train/check.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "support/parallel.h"

#include <math.h>
#include <string.h>

enum { STEPS = 3, ROWS = 9 };

static struct error error;

struct told {
    size_t tensors;
    size_t right;
    double largest_difference;
    struct check_overfit overfit;
};

static void take_tensor(void *context, const struct check_tensor *tensor)
{
    struct told *told = context;
    told->tensors++;
    told->right += tensor->verdict == CHECK_RIGHT;
    told->largest_difference = fmax(told->largest_difference, tensor->difference);
}

static void take_overfit(void *context, const struct check_overfit *overfit)
{
    ((struct told *)context)->overfit = *overfit;
}

static enum status check(const struct comm *comm, const struct model_spec *model, size_t rows,
                         bool rank_invariant, struct told *told)
{
    struct parameters parameters;
    float *weights;
    struct check_observer observer = {told, take_tensor, take_overfit};
    *told = (struct told){0};
    CHECK(parameters_layout(&parameters, model, &error) == STATUS_OK);
    CHECK(memory_new(&weights, parameters.size, &error) == STATUS_OK);
    initialize_uniform(weights, &parameters, 1, 0, 1);
    struct check_spec spec = {model, weights, rows, STEPS, 1, rank_invariant};
    enum status status = check_run(comm, &spec, &observer, &error);
    memory_free(weights);
    return status;
}

static struct model_spec network_of(const struct cell_ops *cell)
{
    return (struct model_spec){
        .vocabulary_size = 60, .hidden_size = 12, .cell = cell, .num_layers = 2, .dropout = 0.3};
}

static void test_sound(const struct comm *comm, const struct cell_ops *cell, bool rank_invariant)
{
    struct told told;
    struct model_spec model = network_of(cell);
    CHECK(check(comm, &model, ROWS, rank_invariant, &told) == STATUS_OK);
    if (comm->rank == 0) {
        CHECK(told.tensors > 0 && told.right == told.tensors && told.largest_difference < 1.5e-3);
        CHECK(told.overfit.learned && told.overfit.updates > 5);
    } else {
        CHECK(told.tensors == 0 && told.overfit.updates == 0);
    }
}

/* One rank alone computes its rows wrongly: all know of it. */
static bool is_damaged;

static void damaged_forward(size_t hidden, const struct cell_row *row)
{
    cell_functions_in_use(cell_find("lstm"))->forward(hidden, row);
}

static void damaged_backward(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                             float *dc)
{
    cell_functions_in_use(cell_find("lstm"))->backward(hidden, row, dh, dh_previous, dc);
    if (is_damaged)
        vector_scale(4 * hidden, 1.5F, row->gates);
}

static void test_damaged_rank(const struct comm *comm)
{
    static const struct cell_functions functions = {damaged_forward, damaged_backward};
    struct told told;
    struct cell_ops ops = *cell_find("lstm");
    for (size_t i = 0; i < sizeof ops.levels / sizeof ops.levels[0]; i++)
        ops.levels[i] = &functions;
    struct model_spec model = network_of(&ops);
    is_damaged = comm->worker == comm->workers - 1;
    CHECK(check(comm, &model, ROWS, false, &told) == STATUS_FAILED);
    CHECK(strstr(error.what, "/model/layer0/W_x") && strstr(error.what, "/model/layer1/b"));
    CHECK(!strstr(error.what, "output"));
    if (comm->rank == 0)
        CHECK(told.right == 2 && told.tensors == 8);
}

static void test_more_ranks_than_rows(const struct comm *comm)
{
    struct told told;
    struct model_spec model = network_of(cell_find("rnn"));
    if (comm->size == 1)
        return;
    CHECK(check(comm, &model, (size_t)comm->size - 1, false, &told) == STATUS_FAILED);
    CHECK(told.tensors == 0);
}

static void test(const struct comm *comm)
{
    CHECK(blis_setup_start(&error) == STATUS_OK);
    test_sound(comm, cell_find("lstm"), false);
    test_sound(comm, cell_find("gru"), true);
    test_sound(comm, cell_find("rnn"), false);
    test_damaged_rank(comm);
    test_more_ranks_than_rows(comm);
}

int main(void)
{
    return parallel_run(test);
}
