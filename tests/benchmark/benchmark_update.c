/* Times whole updates (batch, gradients, exchange, clip, new weights) on a made-up text whose tokens are as
 * unevenly frequent as words are, and says where the time goes. Updates and the peak of a core are measured
 * in turn, rounds of the same length, of which the best counts. Ranks are those of mpirun; batch-size is that
 * of all ranks together. */

#include "benchmark_memory.h"
#include "benchmark_run.h"
#include "fma_peak.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "operations.h"
#include "update.h"

#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    char *cell;
    long vocabulary, hidden, layers, embedding, batch, steps;
    int bidirectional;
    int tied;
    int double_bias;
    double dropout;
    double seconds;
    int rounds;
    int invariant;
    int json;
};

static struct options parse(int argc, const char **argv)
{
    static char default_cell[] = "lstm";
    static struct options options = {.cell = default_cell,
                                     .vocabulary = 3965,
                                     .hidden = 256,
                                     .layers = 1,
                                     .batch = 32,
                                     .steps = 35,
                                     .seconds = 0.5,
                                     .rounds = 10};
    struct poptOption table[] = {
        {"cell", 'c', POPT_ARG_STRING, &options.cell, 0, "lstm, gru or rnn", "NAME"},
        {"num-layers", 'L', POPT_ARG_LONG, &options.layers, 0, "layers", "N"},
        {"embedding-size", 'E', POPT_ARG_LONG, &options.embedding, 0, "0: no embedding", "N"},
        {"tie-weights", 't', POPT_ARG_NONE, &options.tied, 0, "the output's weights are an embedding", NULL},
        {"bidirectional", 'b', POPT_ARG_NONE, &options.bidirectional, 0, "both directions", NULL},
        {"double-bias", 'd', POPT_ARG_NONE, &options.double_bias, 0, "two biases", NULL},
        {"dropout", 'p', POPT_ARG_DOUBLE, &options.dropout, 0, "chance to be left out", "P"},
        {"vocabulary", 'V', POPT_ARG_LONG, &options.vocabulary, 0, "tokens of the vocabulary", "N"},
        {"hidden-size", 'H', POPT_ARG_LONG, &options.hidden, 0, "hidden size", "N"},
        {"batch-size", 'B', POPT_ARG_LONG, &options.batch, 0, "rows over all ranks", "N"},
        {"num-steps", 'T', POPT_ARG_LONG, &options.steps, 0, "time steps", "N"},
        {"seconds", 's', POPT_ARG_DOUBLE, &options.seconds, 0, "seconds of a round", "X"},
        {"rounds", 'r', POPT_ARG_INT, &options.rounds, 0, "the best of them counts", "N"},
        {"rank-invariant", 'i', POPT_ARG_NONE, &options.invariant, 0, "with exact sums", NULL},
        {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object instead of a table", NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext(NULL, argc, argv, table, 0);
    if (poptGetNextOpt(context) != -1) {
        poptPrintUsage(context, stderr, 0);
        exit(STATUS_USAGE);
    }
    if (!cell_find(options.cell)) {
        fprintf(stderr, "benchmark_update: there is no cell '%s'\n", options.cell);
        exit(STATUS_USAGE);
    }
    poptFreeContext(context);
    if (options.tied)
        options.embedding = options.hidden;
    return options;
}

/* Zipf: the k-th most frequent token has a chance like 1/k. */
static uint32_t zipf_token(uint64_t index, long vocabulary)
{
    double uniform = random_uniform(1, 99, index);
    double token = exp(uniform * log((double)vocabulary)) - 1;
    return (uint32_t)fmin(token, (double)vocabulary - 1);
}

static enum status make_text(uint32_t **tokens, size_t count, const struct options *options, size_t first,
                             struct error *error)
{
    enum status status = memory_new(tokens, count, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        (*tokens)[i] = zipf_token(first + i, options->vocabulary);
    return status;
}

static enum status run_updates(struct update *update, const struct comm *comm, const uint32_t *text,
                               size_t first_row, double seconds, double *seconds_an_update,
                               struct error *error)
{
    enum status status = STATUS_OK;
    size_t positions = update->spec.rows * update->spec.num_steps;
    long done_updates = 0;
    double start = clock_seconds();
    double spent = 0;
    while (spent < seconds) {
        struct totals totals = {0};
        struct batch batch = {.inputs = text + (size_t)(done_updates % 8) * positions,
                              .targets = text + (size_t)(done_updates % 8 + 1) * positions,
                              .rows = update->spec.rows,
                              .steps = update->spec.num_steps,
                              .first_row = first_row};
        totals.time_is_up = comm->rank == 0 && clock_seconds() - start >= seconds;
        TRY(update_run(update, &batch, 0.1, &totals, error));
        done_updates++;
        spent = totals.time_is_up > 0 ? seconds : 0;
    }
    *seconds_an_update = (clock_seconds() - start) / (double)done_updates;
done:
    return status;
}

struct result {
    double seconds; /* an update */
    double tokens_per_second;
    double operations_per_second;
    double peak; /* of one core */
    double share_of_peak;
    double memory_said; /* bytes of all ranks together, as the header of a run says it */
    double memory_measured;
    double phase_seconds[PHASE_COUNT];
};

/* The phases are scaled to add up to the whole. */
static struct result result_of(const struct options *options, const struct update *update,
                               const struct phase_times *times, double seconds, double peak)
{
    double tokens = (double)(options->batch * options->steps);
    double operations = operations_per_token(&update->spec.model) * tokens;
    struct result result = {
        seconds, tokens / seconds, operations / seconds, peak, operations / seconds / peak, 0, 0, {0}};
    double total = 0;
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        total += times->seconds[phase];
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        result.phase_seconds[phase] = seconds * times->seconds[phase] / total;
    return result;
}

static const char *kernels(void)
{
    return blis_setup_in_use()->own_loops ? "own" : blis_setup_in_use()->configuration;
}

static void print_table(const struct options *options, const struct comm *comm, const struct update *update,
                        const struct result *result)
{
    printf("%s, %ld layer%s%s, embedding %ld%s, ", options->cell, options->layers,
           options->layers == 1 ? "" : "s", options->bidirectional ? " in both directions" : "",
           options->embedding, options->tied ? " (tied)" : "");
    printf("V %ld, H %ld, B %ld, T %ld, %d rank%s, %s kernels, %s loops%s: %zu rows touched\n",
           options->vocabulary, options->hidden, options->batch, options->steps, comm->size,
           comm->size == 1 ? "" : "s", kernels(), vector_level_name(vector_level_in_use()),
           options->invariant ? ", rank-invariant" : "", update->touched.count);
    printf("%10.2f ms an update\n%10.0f tokens/s\n%10.1f GFLOP/s, %.3f of the FMA peak of one core (%.1f)\n",
           1e3 * result->seconds, result->tokens_per_second, 1e-9 * result->operations_per_second,
           result->share_of_peak, 1e-9 * result->peak);
    printf("%10.1f MB of memory, %.2f of what the header of a run says\n", 1e-6 * result->memory_measured,
           result->memory_measured / result->memory_said);
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        double share = result->phase_seconds[phase] / result->seconds;
        if (share > 1e-4)
            printf("%10.2f ms  %4.1f %%  %s\n", 1e3 * result->phase_seconds[phase], 100 * share,
                   phase_names[phase]);
    }
}

static void print_json(const struct options *options, const struct comm *comm, const struct update *update,
                       const struct result *result)
{
    printf("{\"cell\": \"%s\", \"num_layers\": %ld, \"embedding_size\": %ld, \"bidirectional\": %s, ",
           options->cell, options->layers, options->embedding, options->bidirectional ? "true" : "false");
    printf("\"vocabulary\": %ld, \"hidden_size\": %ld, \"batch_size\": %ld, \"num_steps\": %ld, \"ranks\": "
           "%d, ",
           options->vocabulary, options->hidden, options->batch, options->steps, comm->size);
    printf("\"rank_invariant\": %s, ", options->invariant ? "true" : "false");
    printf("\"kernels\": \"%s\", \"vector_level\": \"%s\", \"rows_touched\": %zu, ", kernels(),
           vector_level_name(vector_level_in_use()), update->touched.count);
    printf("\"seconds\": %.9g, \"tokens_per_second\": %.9g, \"flops\": %.9g, \"fma_peak\": %.9g, ",
           result->seconds, result->tokens_per_second, result->operations_per_second, result->peak);
    printf("\"memory_said\": %.0f, ", result->memory_said);
    if (isfinite(result->memory_measured))
        printf("\"memory_measured\": %.0f, ", result->memory_measured);
    printf("\"share_of_peak\": %.6g, \"phases\": {", result->share_of_peak);
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        printf("%s\"%s\": %.9g", phase > 0 ? ", " : "", phase_names[phase], result->phase_seconds[phase]);
    printf("}}\n");
}

/* Over all ranks. The weights count once a node. */
static enum status measure_memory(struct result *result, const struct comm *comm, const struct update *update,
                                  double share_before, struct error *error)
{
    double bytes[] = {(double)update_rank_bytes(update), benchmark_memory_share() - share_before};
    if (comm->node_rank == 0)
        bytes[0] += (double)update_node_bytes(update);
    enum status status = comm_sum_f64(comm, bytes, 2, error);
    result->memory_said = bytes[0];
    result->memory_measured = bytes[1];
    return status;
}

static enum status benchmark(void *context, const struct comm *comm, struct error *error)
{
    const struct options *options = context;
    enum status status;
    struct update update = {0};
    uint32_t *text = NULL;
    struct range rows = comm_rows(comm, (size_t)options->batch);
    struct update_spec spec = {
        .model = {.vocabulary_size = (size_t)options->vocabulary,
                  .hidden_size = (size_t)options->hidden,
                  .cell = cell_find(options->cell),
                  .num_layers = (size_t)options->layers,
                  .embedding_size = (size_t)options->embedding,
                  .tie_weights = options->tied,
                  .bidirectional = options->bidirectional,
                  .double_bias = options->double_bias,
                  .dropout = options->dropout},
        .rows = rows.count,
        .batch_size = (size_t)options->batch,
        .num_steps = (size_t)options->steps,
        .optimizer = {.ops = &optimizers[0]},
        .clip_norm = 1,
        .rank_invariant = options->invariant,
    };
    struct phase_times phases_of_best = {0};
    double best = INFINITY;
    double peak = 0;
    TRY(make_text(&text, 9 * rows.count * (size_t)options->steps, options, 1000000000 * (size_t)comm->rank,
                  error));
    double share_before = benchmark_memory_share();
    TRY(update_create(&update, comm, &spec, error));
    initialize_normal(update.weights, &update.parameters, 1, (size_t)comm->node_rank,
                      (size_t)comm->node_size);
    TRY(update_load_weights(&update, error));
    double seconds;
    TRY(run_updates(&update, comm, text, rows.first, options->seconds / 4, &seconds, error));
    for (int round = 0; round < options->rounds; round++) {
        if (comm->rank == 0)
            peak = fmax(peak, fma_peak_measure(options->seconds));
        TRY(comm_barrier(comm, error));
        *model_phase_times(update.model) = (struct phase_times){0};
        TRY(run_updates(&update, comm, text, rows.first, options->seconds, &seconds, error));
        if (seconds < best)
            phases_of_best = *model_phase_times(update.model);
        best = fmin(best, seconds);
    }
    struct result result = result_of(options, &update, &phases_of_best, best, peak);
    TRY(measure_memory(&result, comm, &update, share_before, error));
    if (comm->rank == 0)
        (options->json ? print_json : print_table)(options, comm, &update, &result);
done:
    update_free(&update);
    memory_free(text);
    return status;
}

int main(int argc, const char **argv)
{
    struct options options = parse(argc, argv);
    return benchmark_run("benchmark_update", true, benchmark, &options);
}
