/* Times checkpoints of a chosen size: writing one with all that makes it safe, and opening and reading it
 * again. In turn with each it writes a plain file of that size and syncs it, as `dd bs=1M conv=fsync` does:
 * what the disk takes from a program that does nothing else. Ranks are those of mpirun. */

#include "benchmark_memory.h"
#include "benchmark_run.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/text/tokenizer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    double megabytes;
    int rounds;
    char *folder;
    int json;
};

enum { HIDDEN = 512, ROW_FLOATS = 4 * HIDDEN, BATCH_ROWS = 32, TENSORS = 4 };

static struct options parse(int argc, const char **argv)
{
    static struct options options = {20, 5, NULL, 0};
    struct poptOption table[] = {
        {"megabytes", 'm', POPT_ARG_DOUBLE, &options.megabytes, 0, "size of the weights, in 10^6 bytes", "X"},
        {"rounds", 'r', POPT_ARG_INT, &options.rounds, 0, "the median of them counts", "N"},
        {"folder", 'f', POPT_ARG_STRING, &options.folder, 0, "where to write; default: here", "DIR"},
        {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object instead of a table", NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext(NULL, argc, argv, table, 0);
    if (poptGetNextOpt(context) != -1 || !(options.megabytes > 0) || options.rounds < 1) {
        poptPrintUsage(context, stderr, 0);
        exit(STATUS_USAGE);
    }
    poptFreeContext(context);
    return options;
}

/* A run as a checkpoint sees it: two large matrices that the ranks of a node share, as in training, and the
 * state of each rank's rows. */
struct model {
    struct settings settings;
    struct vocabulary *vocabulary;
    struct history history;
    struct comm_shared *shared;
    float *weights;
    float *state;
    struct tensor tensors[TENSORS];
    struct snapshot snapshot;
};

static enum status make_vocabulary(struct vocabulary **out, struct error *error)
{
    static const char *const tokens[] = {"<unk>", "a", "b"};
    const struct token_rules rules = {.tokenizer = tokenizer_find("char")};
    return vocabulary_restore(out, &rules, tokens, NULL, NULL, 3, error);
}

static void fill(const struct comm *comm, float *weights, size_t count)
{
    struct range mine = partition_range(count, (size_t)comm->node_size, (size_t)comm->node_rank);
    for (size_t i = mine.first; i < mine.first + mine.count; i++)
        weights[i] = (float)(i * UINT64_C(0x9E3779B97F4A7C15) >> 40) * 0x1p-24F;
}

static enum status model_make(struct model *model, const struct comm *comm, double megabytes,
                              struct error *error)
{
    enum status status;
    void *memory;
    size_t rows = (size_t)ceil(megabytes * 1e6 / 2 / (ROW_FLOATS * sizeof(float)));
    size_t half = rows * ROW_FLOATS;
    struct range mine = partition_range(BATCH_ROWS, (size_t)comm->size, (size_t)comm->rank);
    TRY(comm_shared_allocate(&model->shared, &memory, comm, 2 * half * sizeof(float), error));
    model->weights = memory;
    status = settings_defaults(&model->settings, SETTINGS_TRAIN, error);
    if (status == STATUS_OK)
        status = make_vocabulary(&model->vocabulary, error);
    if (status == STATUS_OK)
        status = memory_new(&model->state, mine.count * HIDDEN, error);
    TRY(agree_on_status(comm, status, error));
    fill(comm, model->weights, 2 * half);
    TRY(comm_barrier(comm, error));

    struct tensor input = {"/model/layer0/W_x", {rows, ROW_FLOATS}, 2, -1, 0, 0, model->weights, "i,f,o,c"};
    struct tensor output = {"/model/output/W", {ROW_FLOATS, rows}, 2, -1, 0, 0, model->weights + half, NULL};
    struct tensor h = {"/state/h", {1, BATCH_ROWS, HIDDEN}, 3, 1, mine.first, mine.count, model->state, NULL};
    struct tensor c = h;
    memcpy(c.path, "/state/c", sizeof "/state/c");
    memcpy(model->tensors, (struct tensor[TENSORS]){input, output, h, c}, sizeof model->tensors);
    model->snapshot = (struct snapshot){
        .settings = &model->settings,
        .vocabulary = model->vocabulary,
        .tensors = model->tensors,
        .tensor_count = TENSORS,
        .history = &model->history,
    };
done:
    return status;
}

static void model_free(struct model *model)
{
    memory_free(model->state);
    vocabulary_destroy(model->vocabulary);
    settings_free(&model->settings);
    comm_shared_free(model->shared);
}

/* Pages that others have filled count for a rank from when it first sees them: in training it has, long
 * since. */
static float see_all(const struct model *model)
{
    float sum = 0;
    size_t count = 2 * tensor_elements(&model->tensors[0]);
    for (size_t i = 0; i < count; i += 1024)
        sum += ((const volatile float *)model->weights)[i];
    return sum;
}

/* What dd does: blocks of 1 MiB, then fsync. */
static enum status write_plain(const char *path, size_t bytes, double *seconds, struct error *error)
{
    static char block[1 << 20];
    (void)unlink(path);
    double start = clock_seconds();
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good = descriptor >= 0;
    for (size_t left = bytes; good && left > 0;) {
        ssize_t put = write(descriptor, block, left < sizeof block ? left : sizeof block);
        good = put > 0;
        left -= good ? (size_t)put : 0;
    }
    good = good && fsync(descriptor) == 0;
    *seconds = clock_seconds() - start;
    enum status status = good ? STATUS_OK : error_system(error, errno, "cannot write %s", path);
    if (descriptor >= 0)
        close(descriptor);
    (void)unlink(path);
    return status;
}

/* As each rank reads on resume: its share of the weights. */
static enum status read_back(const struct comm *comm, const char *path, struct model *model,
                             struct error *error)
{
    enum status status;
    struct checkpoint *checkpoint = NULL;
    TRY(checkpoint_open(&checkpoint, comm, path, CHECKPOINT_RUN, error));
    for (size_t t = 0; t < TENSORS && status == STATUS_OK; t++) {
        struct tensor share = model->tensors[t];
        if (share.split_dim < 0) {
            struct range mine =
                partition_range(share.dims[0], (size_t)comm->node_size, (size_t)comm->node_rank);
            share.split_dim = 0;
            share.local_first = mine.first;
            share.local_count = mine.count;
            share.data += mine.first * share.dims[1];
        }
        status = checkpoint_read_tensor(checkpoint, &share, error);
    }
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    return status;
}

struct figures {
    double *plain, *write, *read; /* seconds, [rounds] */
    double extra_bytes;           /* of memory while writing, the most of a rank */
};

static enum status measure_round(const struct comm *comm, const char *folder, size_t bytes,
                                 struct model *model, struct figures *figures, int round, struct error *error)
{
    enum status status = STATUS_OK;
    char path[4096];
    char plain[4096];
    snprintf(path, sizeof path, "%s/benchmark_checkpoint.h5", folder);
    snprintf(plain, sizeof plain, "%s/benchmark_plain", folder);
    if (comm->rank == 0)
        status = write_plain(plain, bytes, &figures->plain[round], error);
    TRY(agree_on_status(comm, status, error));
    TRY(comm_barrier(comm, error));

    (void)see_all(model);
    double before = benchmark_memory_reset_peak();
    double start = clock_seconds();
    TRY(checkpoint_write(comm, path, &model->snapshot, error));
    figures->write[round] = clock_seconds() - start;
    figures->extra_bytes = fmax(figures->extra_bytes, benchmark_memory_peak() - before);

    TRY(comm_barrier(comm, error));
    start = clock_seconds();
    TRY(read_back(comm, path, model, error));
    figures->read[round] = clock_seconds() - start;
done:
    if (comm->rank == 0)
        (void)unlink(path);
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print(const struct options *options, const struct comm *comm, double bytes,
                  struct figures *figures)
{
    double plain = bytes / median(figures->plain, options->rounds);
    double write = bytes / median(figures->write, options->rounds);
    double read = bytes / median(figures->read, options->rounds);
    if (options->json) {
        printf(
            "{\"bytes\": %.0f, \"ranks\": %d, \"plain_bytes_per_second\": %.9g, \"write_bytes_per_second\": "
            "%.9g, "
            "\"read_bytes_per_second\": %.9g, \"share_of_plain\": %.6g, \"extra_bytes_of_a_rank\": %.0f}\n",
            bytes, comm->size, plain, write, read, write / plain, figures->extra_bytes);
        return;
    }
    printf("%.0f MB, %d rank%s\n", 1e-6 * bytes, comm->size, comm->size == 1 ? "" : "s");
    printf("%10.0f MB/s written, %.2f of what a plain file takes (%.0f MB/s)\n", 1e-6 * write, write / plain,
           1e-6 * plain);
    printf("%10.0f MB/s verified and read\n", 1e-6 * read);
    printf("%10.1f MB more memory of a rank while writing\n", 1e-6 * figures->extra_bytes);
}

static enum status benchmark(void *context, const struct comm *comm, struct error *error)
{
    const struct options *options = context;
    enum status status;
    struct model model = {0};
    struct figures figures = {0};
    size_t rounds = (size_t)options->rounds;
    TRY(model_make(&model, comm, options->megabytes, error));
    size_t bytes = 2 * tensor_elements(&model.tensors[0]) * sizeof(float);
    status = memory_new(&figures.plain, rounds, error);
    if (status == STATUS_OK)
        status = memory_new(&figures.write, rounds, error);
    if (status == STATUS_OK)
        status = memory_new(&figures.read, rounds, error);
    TRY(agree_on_status(comm, status, error));
    for (int round = 0; round < options->rounds; round++)
        TRY(measure_round(comm, options->folder ? options->folder : ".", bytes, &model, &figures, round,
                          error));
    TRY(comm_max_f64(comm, &figures.extra_bytes, 1, error));
    if (comm->rank == 0)
        print(options, comm, (double)bytes, &figures);
done:
    memory_free(figures.plain);
    memory_free(figures.write);
    memory_free(figures.read);
    model_free(&model);
    return status;
}

int main(int argc, const char **argv)
{
    struct options options = parse(argc, argv);
    int status = benchmark_run("benchmark_checkpoint", false, benchmark, &options);
    free(options.folder);
    return status;
}
