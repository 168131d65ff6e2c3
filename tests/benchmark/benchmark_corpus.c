/* Times how fast ranks come by their tokens: a text is read, counted, numbered and dealt out, as at the start
 * of a training run. The text is a file, or a file made for the purpose by repeating one to a given length,
 * which then lies in memory. Ranks are those of mpirun. */

#include "benchmark_run.h"
#include "inputs.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_BYTES = 512 };

struct options {
    long megabytes;
    char *folder;
    char *sampling;
    char *token;
    int rounds;
    int json;
    const char *text;
};

static struct options parse(int argc, const char **argv, poptContext *context)
{
    static struct options options = {
        .folder = "/dev/shm", .sampling = "sequential", .token = "char", .rounds = 3};
    static struct poptOption table[] = {
        {"megabytes", 'm', POPT_ARG_LONG, &options.megabytes, 0,
         "repeat the text to this length; 0: as it is", "N"},
        {"folder", 'f', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &options.folder, 0,
         "where the repeated text is written, and removed again", "DIR"},
        {"sampling", 's', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &options.sampling, 0,
         "sequential or random", "NAME"},
        {"token", 't', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &options.token, 0, "char, byte or word",
         "KIND"},
        {"rounds", 'r', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options.rounds, 0,
         "the best of them counts", "N"},
        {"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object instead of a table", NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    *context = poptGetContext(NULL, argc, argv, table, 0);
    poptSetOtherOptionHelp(*context, "[OPTION...] FILE");
    if (poptGetNextOpt(*context) != -1 || !(options.text = poptGetArg(*context)) || options.rounds < 1) {
        poptPrintUsage(*context, stderr, 0);
        exit(STATUS_USAGE);
    }
    return options;
}

static enum status read_whole(const char *path, char **bytes, size_t *count, struct error *error)
{
    enum status status = STATUS_OK;
    FILE *file = fopen(path, "rb");
    size_t capacity = 0;
    *count = 0;
    if (!file)
        return error_system(error, errno, "cannot read %s", path);
    do {
        TRY(memory_grow(bytes, &capacity, *count + (1 << 20), error));
        *count += fread(*bytes + *count, 1, capacity - *count, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file))
        status = error_system(error, errno, "cannot read %s", path);
done:
    (void)fclose(file);
    return status;
}

static enum status write_repeated(const char *path, const struct options *options, struct error *error)
{
    enum status status;
    char *bytes = NULL;
    size_t count;
    FILE *file = NULL;
    TRY(read_whole(options->text, &bytes, &count, error));
    file = fopen(path, "wb");
    if (!file)
        TRY(error_system(error, errno, "cannot write %s", path));
    for (size_t left = (size_t)options->megabytes * 1000000 / (count > 0 ? count : 1) + 1; left > 0; left--) {
        if (fwrite(bytes, 1, count, file) != count)
            TRY(error_system(error, errno, "cannot write %s", path));
    }
done:
    if (file && fclose(file) != 0 && status == STATUS_OK)
        status = error_system(error, errno, "cannot write %s", path);
    memory_free(bytes);
    return status;
}

static enum status make_settings(struct settings *settings, const char *path, const struct options *options,
                                 struct error *error)
{
    enum status status;
    TRY(settings_defaults(settings, SETTINGS_TRAIN, error));
    TRY(settings_text_set(settings, settings_find("corpus"), path, "the benchmark", error));
    TRY(settings_text_set(settings, settings_find("sampling"), options->sampling, "the benchmark", error));
    TRY(settings_text_set(settings, settings_find("token"), options->token, "the benchmark", error));
    TRY(settings_text_set(settings, settings_find("max-tokens"), "0", "the benchmark", error));
done:
    return status;
}

static double peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? 1024.0 * (double)usage.ru_maxrss : 0;
}

static double file_bytes(const char *path)
{
    FILE *file = fopen(path, "rb");
    long bytes = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file)
        (void)fclose(file);
    return (double)bytes;
}

struct result {
    double bytes;
    double tokens;
    double vocabulary;
    double seconds;    /* of the best round */
    double held_bytes; /* what the rank that grew most has grown by at its peak */
    double own_tokens; /* of the rank that has most */
};

static enum status measure(struct result *result, const struct options *options, const char *path,
                           const struct comm *comm, struct error *error)
{
    enum status status;
    struct settings settings = {0};
    const struct trainer_observer silent = {0};
    TRY(make_settings(&settings, path, options, error));
    double peak_before = peak_bytes();
    *result = (struct result){.bytes = file_bytes(path), .seconds = 1e300};
    for (int round = 0; round < options->rounds; round++) {
        struct inputs inputs;
        TRY(comm_barrier(comm, error));
        double start = clock_seconds();
        TRY(inputs_read(&inputs, comm, &settings, NULL, &silent, error));
        double seconds = clock_seconds() - start;
        TRY(comm_max_f64(comm, &seconds, 1, error));
        if (seconds < result->seconds)
            result->seconds = seconds;
        result->tokens = (double)inputs.corpus_tokens;
        result->vocabulary = (double)vocabulary_size(inputs.vocabulary);
        result->own_tokens = (double)batches_token_range(&inputs.spec).count;
        inputs_free(&inputs);
    }
    result->held_bytes = peak_bytes() - peak_before;
    double largest[] = {result->held_bytes, result->own_tokens};
    TRY(comm_max_f64(comm, largest, 2, error));
    result->held_bytes = largest[0];
    result->own_tokens = largest[1];
done:
    settings_free(&settings);
    return status;
}

static void print(const struct result *result, const struct options *options, const struct comm *comm)
{
    double rate = result->bytes / 1e6 / result->seconds;
    if (options->json) {
        printf("{\"text\": \"%s\", \"token\": \"%s\", \"sampling\": \"%s\", \"ranks\": %d, \"bytes\": %.0f, "
               "\"tokens\": %.0f, "
               "\"vocabulary\": %.0f, \"seconds\": %.6g, \"megabytes_per_second\": %.6g, "
               "\"megabytes_per_second_and_rank\": %.6g, \"rank_peak_bytes\": %.0f, \"rank_tokens\": %.0f}\n",
               options->text, options->token, options->sampling, comm->size, result->bytes, result->tokens,
               result->vocabulary, result->seconds, rate, rate / comm->size, result->held_bytes,
               result->own_tokens);
        return;
    }
    printf("%s, %.0f MB, %.0f %ss, vocabulary %.0f, %s, %d rank%s\n", options->text, result->bytes / 1e6,
           result->tokens, options->token, result->vocabulary, options->sampling, comm->size,
           comm->size == 1 ? "" : "s");
    printf("%10.2f s\n%10.0f MB/s, %.0f a rank\n", result->seconds, rate, rate / comm->size);
    printf("%10.1f MB at most a rank, for %.0f tokens\n", result->held_bytes / 1e6, result->own_tokens);
}

static enum status benchmark(void *context, const struct comm *comm, struct error *error)
{
    const struct options *options = context;
    enum status status = STATUS_OK;
    char path[PATH_BYTES];
    struct result result;
    bool repeat = options->megabytes > 0;
    int process = (int)getpid();
    TRY(comm_broadcast(comm, &process, sizeof process, 0, error));
    if (repeat)
        snprintf(path, sizeof path, "%.400s/benchmark_corpus.%d.txt", options->folder, process);
    else
        snprintf(path, sizeof path, "%.500s", options->text);
    if (repeat && comm->rank == 0)
        status = write_repeated(path, options, error);
    TRY(agree_on_status(comm, status, error));
    TRY(measure(&result, options, path, comm, error));
    if (comm->rank == 0)
        print(&result, options, comm);
done:
    if (repeat && comm->rank == 0)
        (void)unlink(path);
    return status;
}

int main(int argc, const char **argv)
{
    poptContext context;
    struct options options = parse(argc, argv, &context);
    int status = benchmark_run("benchmark_corpus", false, benchmark, &options);
    poptFreeContext(context);
    return status;
}
