/* Times what the rows of W_x cost outside of the products: which tokens occur on any rank, the sums of their
 * gradients over all ranks, the norm, and the new weights. So many rows are touched in every update, other
 * ones each time, of a vocabulary of any size. Their weights come from memory, not from a cache, as they do
 * where the rest of an update needs the cache: else a small table is faster than a large one for being small.
 * Ranks are those of mpirun. */

#include "benchmark_run.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "lstm_mpi/dist/reduction.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/optim/clip.h"
#include "lstm_mpi/optim/optimizer.h"
#include "touched_rows.h"

#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    long vocabulary, hidden, rows;
    int updates;
    int json;
};

static struct options parse(int argc, const char **argv)
{
    static struct options options = {4000, 256, 490, 60, 0};
    struct poptOption table[] = {
        {"vocabulary", 'V', POPT_ARG_LONG, &options.vocabulary, 0, "tokens of the vocabulary", "N"},
        {"hidden-size", 'H', POPT_ARG_LONG, &options.hidden, 0, "hidden size", "N"},
        {"rows", 'R', POPT_ARG_LONG, &options.rows, 0, "rows touched by an update", "N"},
        {"updates", 'u', POPT_ARG_INT, &options.updates, 0, "the median of them counts", "N"},
        {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object instead of a table", NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext(NULL, argc, argv, table, 0);
    if (poptGetNextOpt(context) != -1 || options.rows < 1 || options.rows > options.vocabulary ||
        options.updates < 1) {
        poptPrintUsage(context, stderr, 0);
        exit(STATUS_USAGE);
    }
    poptFreeContext(context);
    return options;
}

/* The parts of struct update that have to do with the rows of W_x. */
struct table {
    const struct comm *comm;
    size_t row_size;
    struct comm_shared *shared;
    float *weights; /* [V][row_size], one copy a node */
    struct touched_rows touched;
    struct reduction *gradients;
    uint32_t *inputs; /* [rows]: each rank sees all of the tokens */
};

static enum status table_create(struct table *table, const struct comm *comm, const struct options *options,
                                struct error *error)
{
    enum status status;
    void *memory;
    size_t V = (size_t)options->vocabulary;
    size_t rows = (size_t)options->rows;
    *table = (struct table){.comm = comm, .row_size = 4 * (size_t)options->hidden};
    TRY(comm_shared_allocate(&table->shared, &memory, comm, V * table->row_size * sizeof(float), error));
    table->weights = memory;
    TRY(reduction_create(&table->gradients, comm, rows * table->row_size, 1, error));
    status = touched_rows_create(&table->touched, V, rows, rows, error);
    if (status == STATUS_OK)
        status = memory_new(&table->inputs, rows, error);
    TRY(agree_on_status(comm, status, error));
    struct range mine =
        partition_range(V * table->row_size, (size_t)comm->node_size, (size_t)comm->node_rank);
    for (size_t i = mine.first; i < mine.first + mine.count; i++)
        table->weights[i] = 0.01F;
done:
    return status;
}

static void table_free(struct table *table)
{
    memory_free(table->inputs);
    touched_rows_free(&table->touched);
    reduction_destroy(table->gradients);
    comm_shared_free(table->shared);
}

/* Distinct tokens all over the vocabulary: one of each of `rows` equal stretches. */
static void choose_tokens(struct table *table, const struct options *options, uint64_t update)
{
    double stretch = (double)options->vocabulary / (double)options->rows;
    for (size_t i = 0; i < (size_t)options->rows; i++) {
        double within = random_uniform(1, 7, update * (uint64_t)options->rows + i) * floor(stretch);
        table->inputs[i] = (uint32_t)((double)i * stretch + within * (1 - 1e-9));
    }
}

/* Gradients as after the products, and weights that no cache holds. */
static void prepare(struct table *table)
{
    float *gradients = reduction_buffer(table->gradients);
    for (size_t i = 0; i < table->touched.inputs; i++) {
        const float *row = table->weights + table->inputs[i] * table->row_size;
        for (size_t c = 0; c < table->row_size; c++)
            gradients[i * table->row_size + c] = 1e-3F * (float)(c % 7);
#if defined(__x86_64__)
        for (size_t c = 0; c < table->row_size; c += MEMORY_LINE_FLOATS)
            __builtin_ia32_clflush(row + c);
#else
        (void)row;
#endif
    }
}

/* As update_run does it, for these rows alone. */
static enum status update_rows(struct table *table, struct error *error)
{
    enum status status;
    struct reduction_parts parts;
    const struct comm *comm = table->comm;
    TRY(touched_rows_find(&table->touched, comm, table->inputs, error));
    size_t count = table->touched.count * table->row_size;
    reduction_begin(table->gradients, (struct range){0, count});
    TRY(reduction_finish(table->gradients, &parts, error));
    struct range part = parts.ranges[0];
    const float *sums = reduction_buffer(table->gradients);
    double squared_norm = vector_sum_of_squares(part.count, sums + part.first);
    if (comm->size > 1)
        TRY(comm_sum_f64(comm, &squared_norm, 1, error));
    struct optimizer sgd = {.ops = &optimizers[0]};
    struct optimizer_step step = {.rate = 0.1, .factor = clip_factor(sqrt(squared_norm), 1), .number = 1};
    for (size_t place = part.first, end = part.first + part.count; place < end;) {
        size_t row = place / table->row_size;
        size_t next = (row + 1) * table->row_size < end ? (row + 1) * table->row_size : end;
        float *weights =
            table->weights + table->touched.tokens[row] * table->row_size + place % table->row_size;
        touched_rows_prefetch(&table->touched, row + 1, table->weights, table->row_size);
        struct optimizer_piece piece = {.count = next - place, .weights = weights, .gradients = sums + place};
        optimizer_update(&sgd, &step, &piece);
        place = next;
    }
    TRY(comm_node_barrier(comm, error));
done:
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const struct options *options, const struct comm *comm, double seconds)
{
    if (options->json)
        printf("{\"vocabulary\": %ld, \"hidden_size\": %ld, \"rows_touched\": %ld, \"ranks\": %d, "
               "\"seconds\": %.9g}\n",
               options->vocabulary, options->hidden, options->rows, comm->size, seconds);
    else
        printf("V %ld, H %ld, %d rank%s: %.1f us for %ld rows\n", options->vocabulary, options->hidden,
               comm->size, comm->size == 1 ? "" : "s", 1e6 * seconds, options->rows);
}

static enum status benchmark(void *context, const struct comm *comm, struct error *error)
{
    const struct options *options = context;
    enum status status;
    struct table table = {0};
    double *seconds = NULL;
    if (comm->workers < comm->size) {
        error_set(error, STATUS_FAILED, "more ranks than CPUs");
        return error_why(error, "LSTM_MPI_CPUS=%d lets all ranks take part", comm->size);
    }
    TRY(table_create(&table, comm, options, error));
    TRY(agree_on_status(comm, memory_new(&seconds, (size_t)options->updates, error), error));
    for (int u = 0; u < options->updates; u++) {
        choose_tokens(&table, options, (uint64_t)u);
        prepare(&table);
        TRY(comm_barrier(comm, error));
        double start = clock_seconds();
        TRY(update_rows(&table, error));
        seconds[u] = clock_seconds() - start;
    }
    qsort(seconds, (size_t)options->updates, sizeof *seconds, compare);
    if (comm->rank == 0)
        print(options, comm, seconds[options->updates / 2]);
done:
    memory_free(seconds);
    table_free(&table);
    return status;
}

int main(int argc, const char **argv)
{
    struct options options = parse(argc, argv);
    return benchmark_run("benchmark_rows", true, benchmark, &options);
}
