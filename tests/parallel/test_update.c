/* An update over all ranks against the same update on one: the test makes both, the second with a world of
 * its own on every rank. */

#include "update.h"

#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"

#include <math.h>
#include <string.h>

enum { V = 150, H = 12, BATCH = 11, STEPS = 5, UPDATES = 4 };

static struct error error;

/* The rows of a batch that a rank holds. */
struct rows {
    struct range range;
    uint32_t inputs[STEPS * BATCH];
    uint32_t targets[STEPS * BATCH];
    struct batch batch;
};

static void make_rows(struct rows *rows, const struct comm *comm, uint64_t update, bool from_zero)
{
    struct range range = comm_rows(comm, BATCH);
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t row = 0; row < range.count; row++) {
            uint64_t place = (range.first + row) * STEPS + t;
            rows->inputs[t * range.count + row] = (uint32_t)random_below(update, 1, place, V);
            rows->targets[t * range.count + row] = (uint32_t)random_below(update, 2, place, V);
        }
    }
    rows->range = range;
    rows->batch = (struct batch){rows->inputs, rows->targets, range.count, STEPS, range.first, from_zero};
}

/* One layer of LSTM, then what is laid out and drawn in other ways: two row tables and dropout, an embedding
 * as the row table, and one that is dense. */
enum { PLAIN, TWO_TABLES, EMBEDDED, TIED, NETWORK_COUNT };

static struct model_spec network_of(int network)
{
    struct model_spec spec = {
        .vocabulary_size = V, .hidden_size = H, .cell = &cells[0], .num_layers = 1, .dropout_seed = 3};
    if (network != PLAIN) {
        spec.cell = cell_find(network == TWO_TABLES ? "gru" : "rnn");
        spec.num_layers = 2;
        spec.bidirectional = network == TWO_TABLES;
        spec.double_bias = network == TWO_TABLES;
        spec.embedding_size = network == EMBEDDED ? 7 : network == TIED ? H : 0;
        spec.tie_weights = network == TIED;
        spec.dropout = 0.3;
    }
    return spec;
}

static void create_with(struct update *update, const struct comm *comm, int network, double clip_norm,
                        struct optimizer optimizer, bool rank_invariant)
{
    struct update_spec spec = {
        .model = network_of(network),
        .rows = comm_rows(comm, BATCH).count,
        .batch_size = BATCH,
        .num_steps = STEPS,
        .optimizer = optimizer,
        .clip_norm = clip_norm,
        .rank_invariant = rank_invariant,
    };
    CHECK(update_create(update, comm, &spec, &error) == STATUS_OK);
    if (comm->node_rank == 0) {
        initialize_normal(update->weights, &update->parameters, 1, 0, 1);
        for (size_t i = 0; i < update->parameters.size; i++)
            update->weights[i] *= 30;
    }
    CHECK(update_load_weights(update, &error) == STATUS_OK);
}

static void create(struct update *update, const struct comm *comm, int network, double clip_norm)
{
    create_with(update, comm, network, clip_norm, (struct optimizer){.ops = &optimizers[0]}, false);
}

static void run(struct update *update, const struct comm *comm, uint64_t number, bool from_zero, double rate,
                struct totals *totals)
{
    struct rows rows;
    *totals = (struct totals){.signals = 1, .checkpoint_due = comm->rank == 0 ? 1 : 0};
    make_rows(&rows, comm, number, from_zero);
    CHECK(update_run(update, &rows.batch, rate, totals, &error) == STATUS_OK);
}

static uint64_t weights_digest(const struct update *update)
{
    return digest_of(update->weights, update->parameters.size * sizeof *update->weights);
}

/* |a - b| relative to the largest number of its tensor, since a number itself may be near zero. */
static void check_agree(const struct parameters *parameters, const float *a, const float *b, double tolerance)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->table[i];
        double largest = 0;
        double difference = 0;
        for (size_t k = 0; k < parameters_tensor_size(parameter); k++) {
            double number = (double)a[parameter->offset + k];
            largest = fmax(largest, fabs(number));
            difference = fmax(difference, fabs(number - (double)b[parameter->offset + k]));
        }
        CHECK(difference <= tolerance * largest);
    }
}

static void check_weights_agree(const struct update *a, const struct update *b)
{
    check_agree(&a->parameters, a->weights, b->weights, 1e-6);
}

/* With and without the state carried from update to update. */
static void test_same_as_one_rank(const struct comm *comm, int network, double clip_norm, bool from_zero)
{
    struct update together;
    struct update single;
    create(&together, comm, network, clip_norm);
    create(&single, &comm_alone, network, clip_norm);
    for (uint64_t number = 0; number < UPDATES; number++) {
        struct totals totals;
        struct totals expected;
        run(&together, comm, number, from_zero, 0.5, &totals);
        run(&single, &comm_alone, number, from_zero, 0.5, &expected);
        CHECK(fabs(totals.loss - expected.loss) < 1e-6 * expected.loss);
        CHECK(fabs(together.grad_norm - single.grad_norm) < 1e-5 * single.grad_norm);
        CHECK(totals.signals == comm->size && totals.checkpoint_due == 1 && totals.time_is_up == 0);
        CHECK(!comm_is_worker(comm) || together.touched.count == single.touched.count);
        check_weights_agree(&together, &single);
        CHECK(agree_same(comm, weights_digest(&together), "weights", &error) == STATUS_OK);
    }
    update_free(&together);
    update_free(&single);
}

/* Bit for bit, and within rounding what plain sums give. */
static void test_rank_invariant(const struct comm *comm, int network, double clip_norm, bool from_zero)
{
    struct update together;
    struct update single;
    struct update plain;
    create_with(&together, comm, network, clip_norm, (struct optimizer){.ops = &optimizers[0]}, true);
    create_with(&single, &comm_alone, network, clip_norm, (struct optimizer){.ops = &optimizers[0]}, true);
    create_with(&plain, &comm_alone, network, clip_norm, (struct optimizer){.ops = &optimizers[0]}, false);
    for (uint64_t number = 0; number < UPDATES; number++) {
        struct totals totals;
        struct totals expected;
        struct totals plain_totals;
        run(&together, comm, number, from_zero, 0.5, &totals);
        run(&single, &comm_alone, number, from_zero, 0.5, &expected);
        run(&plain, &comm_alone, number, from_zero, 0.5, &plain_totals);
        CHECK(memcmp(&totals.loss, &expected.loss, sizeof totals.loss) == 0);
        CHECK(memcmp(&together.grad_norm, &single.grad_norm, sizeof single.grad_norm) == 0);
        CHECK(totals.signals == comm->size && totals.checkpoint_due == 1 && totals.time_is_up == 0);
        CHECK(weights_digest(&together) == weights_digest(&single));
        CHECK(fabs(totals.loss - plain_totals.loss) < 1e-6 * plain_totals.loss);
        CHECK(fabs(together.grad_norm - plain.grad_norm) < 1e-5 * plain.grad_norm);
        check_weights_agree(&together, &plain);
    }
    CHECK(update_rank_bytes(&together) > 0);
    update_free(&together);
    update_free(&single);
    update_free(&plain);
}

/* The gradients of a single rank's update, of all rows. */
static void spread_gradients(const struct update *single, float *gradients)
{
    const struct parameters *parameters = &single->parameters;
    const float *sums = reduction_buffer(single->gradients);
    memset(gradients, 0, parameters->size * sizeof *gradients);
    memcpy(gradients, sums, parameters->dense_size * sizeof *gradients);
    const float *row = sums + parameters->dense_size;
    for (size_t i = 0; i < single->touched.count; i++) {
        for (size_t number = 0; number < parameters->row_table_count; number++) {
            const struct parameter *table = parameters_row_table(parameters, number);
            size_t row_size = table->dims[1];
            memcpy(gradients + table->offset + single->touched.tokens[i] * row_size, row,
                   row_size * sizeof *gradients);
            row += row_size;
        }
    }
}

/* Touched and untouched rows, and the parts of the ranks, make what the optimizer makes of whole buffers. */
static void test_optimizer(const struct comm *comm, int network, struct optimizer optimizer)
{
    static const double rate = 0.002;
    struct update together;
    struct update single;
    float *expected;
    float *gradients;
    create_with(&together, comm, network, 0, optimizer, false);
    create_with(&single, &comm_alone, network, 0, optimizer, false);
    size_t size = single.parameters.size;
    size_t states = optimizer_state_count(&optimizer);
    CHECK(update_state_bytes(&together) == states * size * sizeof(float));
    CHECK(memory_new(&expected, (1 + OPTIMIZER_MAX_STATES) * size, &error) == STATUS_OK);
    CHECK(memory_new(&gradients, size, &error) == STATUS_OK);
    memcpy(expected, single.weights, size * sizeof *expected);
    for (uint64_t number = 0; number < UPDATES; number++) {
        struct totals totals;
        run(&single, &comm_alone, number, true, rate, &totals);
        CHECK(single.touched.count < V);
        spread_gradients(&single, gradients);
        struct optimizer_step step = {rate, 1, number + 1};
        struct optimizer_piece whole = {size, expected, gradients, {expected + size, expected + 2 * size}};
        optimizer_update(&optimizer, &step, &whole);
        CHECK(memcmp(single.weights, expected, size * sizeof *expected) == 0);
        run(&together, comm, number, true, rate, &totals);
        check_agree(&single.parameters, together.weights, single.weights, 1e-5);
        for (size_t s = 0; s < states; s++) {
            CHECK(memcmp(single.states[s], expected + (s + 1) * size, size * sizeof *expected) == 0);
            check_agree(&single.parameters, together.states[s], single.states[s], 1e-5);
        }
        CHECK(agree_same(comm, weights_digest(&together), "weights", &error) == STATUS_OK);
    }
    CHECK(together.optimizer_updates == UPDATES);
    memory_free(expected);
    memory_free(gradients);
    update_free(&together);
    update_free(&single);
}

/* The norm over all parameters before the clip, and the step that the weights make: rate · gradient, or
 * rate · gradient · clip / norm. */
static void test_clip(const struct comm *comm, double clip_of_norm)
{
    static const double rate = 0.25;
    struct update update;
    struct totals totals;
    create(&update, comm, PLAIN, 0);
    run(&update, comm, 9, true, 0, &totals);
    double norm = update.grad_norm;
    update_free(&update);

    double clip_norm = clip_of_norm * norm;
    double factor = clip_of_norm > 0 && clip_of_norm < 1 ? clip_of_norm : 1;
    create(&update, comm, PLAIN, clip_norm);
    float *before;
    CHECK(memory_new(&before, update.parameters.size, &error) == STATUS_OK);
    memcpy(before, update.weights, update.parameters.size * sizeof *before);
    run(&update, comm, 9, true, rate, &totals);
    CHECK(update.grad_norm == norm);

    double step_squares = 0;
    for (size_t i = 0; i < update.parameters.size; i++) {
        double step = (double)update.weights[i] - (double)before[i];
        step_squares += step * step;
    }
    CHECK(fabs(sqrt(step_squares) - rate * factor * norm) < 1e-4 * norm);
    memory_free(before);
    update_free(&update);
}

/* Rows of tokens that no rank saw, and the padding, stay as they are to the bit. */
static void test_untouched_rows_stay(const struct comm *comm, int network)
{
    struct update update;
    struct totals totals;
    create(&update, comm, network, 1);
    float *before;
    CHECK(memory_new(&before, update.parameters.size, &error) == STATUS_OK);
    memcpy(before, update.weights, update.parameters.size * sizeof *before);
    run(&update, comm, 3, true, 0.5, &totals);
    CHECK(update.touched.count < V);
    for (size_t table = 0; comm_is_worker(comm) && table < update.parameters.row_table_count; table++) {
        const struct parameter *parameter = parameters_row_table(&update.parameters, table);
        size_t row_size = parameter->dims[1];
        size_t touched = 0;
        for (size_t token = 0; token < V; token++) {
            size_t at = parameter->offset + token * row_size;
            bool is_touched = touched < update.touched.count && update.touched.tokens[touched] == token;
            CHECK((memcmp(update.weights + at, before + at, row_size * sizeof *before) != 0) == is_touched);
            touched += is_touched;
        }
        CHECK(touched == update.touched.count);
    }
    for (size_t i = 0; i + 1 < update.parameters.count; i++) {
        const struct parameter *parameter = &update.parameters.table[i];
        size_t end = parameter->offset + parameters_tensor_size(parameter);
        for (size_t k = end; k < update.parameters.table[i + 1].offset; k++)
            CHECK(update.weights[k] == 0);
    }
    memory_free(before);
    update_free(&update);
}

/* One rank's rows go wrong (its carried state is no number): every rank sees it and keeps its weights. */
static void test_not_finite(const struct comm *comm, bool rank_invariant)
{
    for (int bad = 0; bad < comm->workers; bad++) {
        struct update update;
        struct totals totals;
        create_with(&update, comm, PLAIN, 1, (struct optimizer){.ops = &optimizers[0]}, rank_invariant);
        uint64_t before = weights_digest(&update);
        if (comm->worker == bad)
            model_state(update.model).h[0] = NAN;
        run(&update, comm, 5, false, 0.5, &totals);
        CHECK(!update_is_finite(&update, &totals));
        CHECK(weights_digest(&update) == before);
        CHECK(!isfinite(totals.loss) && totals.signals == comm->size);
        run(&update, comm, 5, true, 0.5, &totals);
        CHECK(update_is_finite(&update, &totals));
        CHECK(weights_digest(&update) != before);
        update_free(&update);
    }
}

static void test_times_are_kept(const struct comm *comm)
{
    struct update update;
    struct totals totals;
    create(&update, comm, PLAIN, 1);
    run(&update, comm, 1, true, 0.5, &totals);
    double compute_seconds = update.compute_seconds;
    double wait_seconds = update.wait_seconds;
    CHECK(compute_seconds > 0 && wait_seconds >= 0);
    run(&update, comm, 2, true, 0.5, &totals);
    CHECK(update.compute_seconds > compute_seconds && update.wait_seconds >= wait_seconds);
    update_free(&update);
}

static void test_without_memory(const struct comm *comm, int network, bool rank_invariant)
{
    struct update update;
    struct update_spec spec = {
        .model = network_of(network),
        .rows = comm_rows(comm, BATCH).count,
        .batch_size = BATCH,
        .num_steps = STEPS,
        .optimizer = {.ops = &optimizers[0]},
        .clip_norm = 1,
        .rank_invariant = rank_invariant,
    };
    for (long allocations = 0;; allocations++) {
        failing_allocator_after(allocations);
        enum status status = update_create(&update, comm, &spec, &error);
        double failures = failing_allocator_has_failed() ? 1 : 0;
        failing_allocator_after(-1);
        CHECK(comm_max_f64(comm, &failures, 1, &error) == STATUS_OK);
        bool failed = failures > 0;
        CHECK(status == (failed ? STATUS_FAILED : STATUS_OK));
        if (!failed)
            break;
        CHECK(!update.model && !update.weights && !update.gradients && !update.invariant);
    }
    update_free(&update);
}

static void test(const struct comm *comm)
{
    CHECK(blis_setup_start(&error) == STATUS_OK);
    for (int network = PLAIN; network < NETWORK_COUNT; network++) {
        test_same_as_one_rank(comm, network, 0, true);
        test_same_as_one_rank(comm, network, 0.5, false);
        test_untouched_rows_stay(comm, network);
        test_optimizer(comm, network, (struct optimizer){&optimizers[0], 0.9, 0.1});
        test_optimizer(comm, network, (struct optimizer){&optimizers[1], 0, 0});
        test_rank_invariant(comm, network, 0, true);
        test_rank_invariant(comm, network, 0.1, false);
    }
    test_optimizer(comm, PLAIN, (struct optimizer){&optimizers[0], 0, 0});
    test_optimizer(comm, PLAIN, (struct optimizer){&optimizers[0], 0, 0.1});
    test_clip(comm, 0);
    test_clip(comm, 0.25);
    test_clip(comm, 2);
    test_not_finite(comm, false);
    test_not_finite(comm, true);
    test_times_are_kept(comm);
    for (int network = PLAIN; network < NETWORK_COUNT; network++) {
        test_without_memory(comm, network, false);
        test_without_memory(comm, network, true);
    }
}

int main(void)
{
    return parallel_run(test);
}
