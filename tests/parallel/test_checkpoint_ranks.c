#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/run_directory.h"

#include "support/parallel.h"
#include "support/sample_snapshot.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <sys/resource.h>

static char folder[TEMPORARY_PATH_BYTES];

/* Rank 0 makes the folder, and all have its path. */
static void make_folder(const struct comm *comm)
{
    struct error error;
    if (comm->rank == 0)
        temporary_folder_make(folder);
    CHECK(comm_broadcast(comm, folder, sizeof folder, 0, &error) == STATUS_OK);
}

static void path_in_folder(char path[TEMPORARY_PATH_BYTES], const char *name)
{
    snprintf(path, TEMPORARY_PATH_BYTES, "%.400s/%s", folder, name);
}

static void show(const struct comm *comm, enum status status, const struct error *error)
{
    char line[ERROR_LINE_BYTES];
    error_line(line, error);
    if (status != STATUS_OK && comm->rank == 0)
        fprintf(stderr, "%s\n", line);
}

static void check_vocabulary(const struct checkpoint *checkpoint, size_t V)
{
    struct error error;
    struct vocabulary *expected = sample_vocabulary(V);
    struct vocabulary *vocabulary = NULL;
    CHECK(checkpoint_read_vocabulary(&vocabulary, checkpoint,
                                     &(const struct token_rules){.tokenizer = tokenizers[0]},
                                     &error) == STATUS_OK);
    CHECK(vocabulary && vocabulary_size(vocabulary) == V);
    CHECK(vocabulary && vocabulary_digest(vocabulary) == vocabulary_digest(expected));
    for (uint32_t id = 0; vocabulary && id < V; id++)
        CHECK(vocabulary_count(vocabulary, id) == vocabulary_count(expected, id));
    vocabulary_destroy(vocabulary);
    vocabulary_destroy(expected);
}

static void check_records(const struct checkpoint *checkpoint, const struct sample *sample)
{
    CHECK(memcmp(&checkpoint->progress, &sample->snapshot.progress, sizeof(struct progress)) == 0);
    CHECK(checkpoint->corpus_digest == sample->snapshot.corpus_digest);
    CHECK(checkpoint->epoch_ranks == sample->snapshot.epoch_ranks);
    CHECK(memcmp(checkpoint->epoch_times, sample->times,
                 sample->snapshot.epoch_ranks * sizeof *sample->times) == 0);
    CHECK(checkpoint->history.count == sample->history.count);
    CHECK(checkpoint->history.ranks == sample->history.ranks);
    for (size_t e = 0; e < sample->history.count; e++)
        CHECK(memcmp(&checkpoint->history.records[e], &sample->history.records[e],
                     sizeof(struct epoch_record)) == 0);
    if (sample->history.count > 0)
        CHECK(memcmp(checkpoint->history.times, sample->history.times,
                     sample->history.count * sample->history.ranks * sizeof *sample->times) == 0);
}

/* What was saved gives the settings that were. */
static void check_settings(const struct checkpoint *checkpoint, const struct settings *expected)
{
    struct error error;
    struct settings settings;
    CHECK(settings_defaults(&settings, SETTINGS_TRAIN, &error) == STATUS_OK);
    enum status status = settings_saved_resume(&settings, checkpoint->saved, checkpoint->saved_count,
                                               checkpoint->path, &error);
    CHECK(status == STATUS_OK);
    for (const struct settings_row *row = settings_table; row < settings_table + settings_count; row++)
        if (row->on_resume == SETTINGS_FIXED || row->on_resume == SETTINGS_MAY_DIFFER)
            CHECK(settings_equal(&settings, expected, row));
    settings_free(&settings);
}

static void test_round_trip(const struct comm *comm, struct sample_shape shape, size_t epochs)
{
    struct error error;
    struct sample sample;
    char path[TEMPORARY_PATH_BYTES];
    path_in_folder(path, "round.h5");
    sample_make(&sample, comm, shape, epochs, 7);
    sample.settings.lr = 0.1;
    sample.settings.batch_size = shape.B;
    enum status status = checkpoint_write(comm, path, &sample.snapshot, &error);
    show(comm, status, &error);
    CHECK(status == STATUS_OK);
    CHECK(comm->rank > 0 || strcmp(temporary_folder_list(folder), "round.h5 ") == 0);

    struct checkpoint *checkpoint = NULL;
    status = checkpoint_open(&checkpoint, comm, path, CHECKPOINT_RUN, &error);
    show(comm, status, &error);
    CHECK(status == STATUS_OK);
    if (checkpoint) {
        CHECK(checkpoint->tensor_count == SAMPLE_TENSORS);
        CHECK(sample_differences(checkpoint, comm, shape, 7) == 0);
        CHECK(sample_differences(checkpoint, comm, shape, 8) > 0);
        check_vocabulary(checkpoint, shape.V);
        check_records(checkpoint, &sample);
        check_settings(checkpoint, &sample.settings);
    }
    checkpoint_close(checkpoint);
    sample_free(&sample);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    if (comm->rank == 0)
        unlink(path);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
}

/* One flipped bit is found whichever rank verifies its block, and all ranks hear of it. */
static void test_damage(const struct comm *comm)
{
    struct sample_shape shape = {700, 256, 1, 16};
    struct error error;
    struct sample sample;
    char path[TEMPORARY_PATH_BYTES];
    path_in_folder(path, "damaged.h5");
    sample_make(&sample, comm, shape, 2, 1);
    CHECK(checkpoint_write(comm, path, &sample.snapshot, &error) == STATUS_OK);
    for (int i = 0; i < 6; i++) {
        unsigned char byte = 0;
        int descriptor = comm->rank == 0 ? open(path, O_RDWR) : -1;
        off_t place = comm->rank == 0 ? lseek(descriptor, 0, SEEK_END) * (2 * i + 1) / 12 : 0;
        if (comm->rank == 0) {
            CHECK(pread(descriptor, &byte, 1, place) == 1);
            byte ^= 0x10;
            CHECK(pwrite(descriptor, &byte, 1, place) == 1);
        }
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
        struct checkpoint *checkpoint = NULL;
        memset(&error, 0, sizeof error);
        CHECK(checkpoint_open(&checkpoint, comm, path, CHECKPOINT_MODEL, &error) == STATUS_FAILED);
        CHECK(strstr(error.why, "damaged") != NULL);
        CHECK(checkpoint == NULL);
        byte ^= 0x10;
        CHECK(comm->rank > 0 || pwrite(descriptor, &byte, 1, place) == 1);
        if (descriptor >= 0)
            close(descriptor);
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
    }
    sample_free(&sample);
    CHECK(comm->rank > 0 || unlink(path) == 0);
}

static void test_no_folder(const struct comm *comm)
{
    struct error error;
    struct sample sample;
    struct sample_shape shape = {5, 2, 1, 3};
    char path[TEMPORARY_PATH_BYTES];
    path_in_folder(path, "absent/checkpoint.h5");
    sample_make(&sample, comm, shape, 0, 0);
    CHECK(checkpoint_write(comm, path, &sample.snapshot, &error) == STATUS_FAILED);
    CHECK(strstr(error.why, "No such file") != NULL);
    struct checkpoint *checkpoint;
    CHECK(checkpoint_open(&checkpoint, comm, path, CHECKPOINT_MODEL, &error) == STATUS_FAILED);
    CHECK(strstr(error.why, "No such file") != NULL);
    sample_free(&sample);
}

/* However few more files the last rank may open: an error of all ranks that names it, or none. */
static void test_few_descriptors(const struct comm *comm)
{
    struct error error = {0};
    struct sample sample;
    char path[TEMPORARY_PATH_BYTES];
    path_in_folder(path, "few.h5");
    sample_make(&sample, comm, (struct sample_shape){5, 2, 1, 3}, 1, 1);
    enum status status = STATUS_FAILED;
    for (int more = 0; more < 64 && status != STATUS_OK; more++) {
        struct rlimit usual;
        int lowest = open("/dev/null", O_RDONLY);
        CHECK(lowest >= 0 && close(lowest) == 0);
        CHECK(getrlimit(RLIMIT_NOFILE, &usual) == 0);
        struct rlimit few = {(rlim_t)(lowest + more), usual.rlim_max};
        if (comm->rank == comm->size - 1)
            CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        status = checkpoint_write(comm, path, &sample.snapshot, &error);
        if (comm->rank == comm->size - 1)
            CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
        char who[32];
        snprintf(who, sizeof who, "rank %d on host ", comm->size - 1);
        CHECK(status == STATUS_OK || strstr(error.why, "Too many open files"));
        CHECK(status == STATUS_OK || comm->size == 1 || strstr(error.what, who));
        CHECK(status == STATUS_OK || comm->size == 1 || strstr(error.remedy, "limit of open files"));
        CHECK(comm->rank > 0 ||
              strcmp(temporary_folder_list(folder), status == STATUS_OK ? "few.h5 " : "") == 0);
        CHECK(status != STATUS_OK || more > 0);
    }
    CHECK(status == STATUS_OK);
    sample_free(&sample);
    CHECK(comm->rank > 0 || unlink(path) == 0);
}

/* A run from its claim over several checkpoints: what stays, and what a resume is offered. */
static void test_run(const struct comm *comm)
{
    struct error error;
    struct run_directory run;
    struct sample sample;
    struct sample_shape shape = {5, 2, 1, 9};
    char path[TEMPORARY_PATH_BYTES];
    path_in_folder(path, "runs/one");
    CHECK(run_directory_claim(&run, comm, path, RUN_CLAIM_NEW, &error) == STATUS_OK);
    CHECK(run_directory_make(&run, comm, &error) == STATUS_OK);
    for (uint64_t update = 0; update <= 4; update++) {
        sample_make(&sample, comm, shape, update, update);
        CHECK(run_directory_write_checkpoint(&run, comm, &sample.snapshot, 2, &error) == STATUS_OK);
        sample_free(&sample);
    }
    CHECK(comm->rank > 0 ||
          strcmp(temporary_folder_list(path), "checkpoint-2.h5 checkpoint-3.h5 checkpoint.h5 ") == 0);

    char **candidates;
    size_t count;
    CHECK(run_directory_candidates(&candidates, &count, &run, comm, &error) == STATUS_OK);
    CHECK(count == 3);
    for (size_t i = 0; i < count; i++) {
        struct checkpoint *checkpoint = NULL;
        CHECK(checkpoint_open(&checkpoint, comm, candidates[i], CHECKPOINT_RUN, &error) == STATUS_OK);
        CHECK(checkpoint && checkpoint->progress.update == 4 - i);
        CHECK(checkpoint && sample_differences(checkpoint, comm, shape, 4 - i) == 0);
        checkpoint_close(checkpoint);
    }
    memory_free(candidates);
    run_directory_free(&run);
    CHECK(run_directory_claim(&run, comm, path, RUN_CLAIM_NEW, &error) == STATUS_FAILED);
    run_directory_free(&run);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
}

static void test(const struct comm *comm)
{
    make_folder(comm);
    size_t size = (size_t)comm->size;
    test_round_trip(comm, (struct sample_shape){5, 2, 1, size}, 0);
    test_round_trip(comm, (struct sample_shape){11, 3, 2, size + 1}, 3);
    test_round_trip(comm, (struct sample_shape){2, 1, 1, 1}, 1); /* more ranks than rows of any tensor */
    test_round_trip(comm, (struct sample_shape){700, 256, 5, 300}, 40); /* several blocks, split ones too */
    test_damage(comm);
    test_no_folder(comm);
    test_few_descriptors(comm);
    test_run(comm);
    if (comm->rank == 0)
        temporary_folder_remove(folder);
}

int main(void)
{
    return parallel_run(test);
}
