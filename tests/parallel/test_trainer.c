/* Whole runs over any number of ranks: what the observer is told, how a run ends, and how it goes on. */

#include "lstm_mpi/train/trainer.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/train/stop.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, STEPS = 5, TOKENS = 206, UPDATES_OF_EPOCH = 5, MOST_UPDATES = 64 };

static struct error error;
static char folder[TEMPORARY_PATH_BYTES];

/* What an observer was told. */
struct record {
    int begins, samples, epochs, checkpoints;
    size_t updates;
    struct trainer_standing standings[MOST_UPDATES];
    struct trainer_facts facts;
    uint64_t stop_after; /* this update the observer asks for a stop; 0: never */
};

static void begin(void *context, const struct settings *settings, const struct trainer_facts *facts)
{
    struct record *record = context;
    (void)settings;
    record->begins++;
    record->facts = *facts;
}

static void sample(void *context, const char *text, size_t bytes)
{
    struct record *record = context;
    CHECK(text && bytes > 0);
    record->samples++;
}

static void update(void *context, const struct trainer_standing *standing)
{
    struct record *record = context;
    if (record->updates < MOST_UPDATES)
        record->standings[record->updates] = *standing;
    record->updates++;
    if (standing->update == record->stop_after)
        CHECK(raise(SIGUSR1) == 0);
}

static void epoch(void *context, const struct trainer_standing *standing)
{
    struct record *record = context;
    CHECK(standing->update_of_epoch == standing->updates_of_epoch);
    record->epochs++;
}

static void checkpoint(void *context, const char *path, double seconds)
{
    struct record *record = context;
    CHECK(access(path, R_OK) == 0 && seconds >= 0);
    record->checkpoints++;
}

static void give(struct settings *settings, const char *name, const char *value)
{
    CHECK(settings_text_give(settings, settings_find(name), value, "the test", &error) == STATUS_OK);
}

/* Five updates an epoch, whatever the offset. */
static void make_settings(struct settings *settings, const char *run, const char *epochs)
{
    char path[TEMPORARY_PATH_BYTES];
    snprintf(path, sizeof path, "%.400s/%s", folder, run);
    CHECK(settings_defaults(settings, SETTINGS_TRAIN, &error) == STATUS_OK);
    give(settings, "run-dir", path);
    give(settings, "max-tokens", "206");
    give(settings, "batch-size", "8");
    give(settings, "num-steps", "5");
    give(settings, "hidden-size", "6");
    give(settings, "predict-length", "2");
    give(settings, "start-offset", "3");
    give(settings, "epochs", epochs);
}

static enum status run(const struct comm *comm, struct settings *settings, struct record *record,
                       struct trainer_result *result)
{
    uint64_t stop_after = record->stop_after;
    *record = (struct record){.stop_after = stop_after};
    struct trainer_observer observer = {.context = record,
                                        .begin = begin,
                                        .sample = sample,
                                        .update = update,
                                        .epoch = epoch,
                                        .checkpoint = checkpoint};
    enum status status = trainer_run(comm, settings, &observer, result, &error);
    settings_free(settings);
    return status;
}

static void test_what_is_observed(const struct comm *comm)
{
    struct settings settings;
    struct record record = {0};
    struct trainer_result result;
    make_settings(&settings, "observed", "3");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_FINISHED && result.update == 3 * UPDATES_OF_EPOCH);
    CHECK(isfinite(result.perplexity) && result.tokens_per_second > 0);
    if (comm->rank > 0) {
        CHECK(record.begins == 0 && record.samples == 0 && record.updates == 0 && record.checkpoints == 0);
        return;
    }
    CHECK(record.begins == 1 && record.epochs == 3 && record.updates == 3 * UPDATES_OF_EPOCH);
    CHECK(record.samples == 4);     /* two prefixes before and after */
    CHECK(record.checkpoints == 2); /* before the first update and at the end */
    CHECK(record.facts.trained_tokens == TOKENS && !record.facts.resumed_from);
    for (size_t i = 0; i < record.updates; i++) {
        const struct trainer_standing *standing = &record.standings[i];
        CHECK(standing->update == i + 1 && standing->epoch == i / UPDATES_OF_EPOCH + 1);
        CHECK(standing->update_of_epoch == i % UPDATES_OF_EPOCH + 1);
        CHECK(standing->updates_of_epoch == UPDATES_OF_EPOCH && standing->epochs == 3);
        CHECK(standing->perplexity > 1 && standing->grad_norm > 0 && standing->tokens_per_second > 0);
        CHECK((standing->left_seconds == 0) == (i + 1 == record.updates));
    }
}

/* So many epochs that their updates cannot be counted in 64 bits: the time left is long, not wrapped around.
 * The clock stops the run after its first update. */
static void test_far_more_epochs_than_time(const struct comm *comm)
{
    struct settings settings;
    struct record record = {0};
    struct trainer_result result;
    make_settings(&settings, "long", "9223372036854775807");
    give(&settings, "max-minutes", "1e-9");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_STOPPED_BY_CLOCK && result.update == 1);
    CHECK(comm->rank > 0 || record.standings[0].left_seconds > 1e12);
}

/* The same tensors, bit for bit. */
static void check_same_run(const struct comm *comm, const char *a, const char *b)
{
    struct checkpoint *files[2] = {0};
    const char *runs[2] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        char path[TEMPORARY_PATH_BYTES];
        snprintf(path, sizeof path, "%.400s/%s/checkpoint.h5", folder, runs[i]);
        CHECK(checkpoint_open(&files[i], comm, path, CHECKPOINT_RUN, &error) == STATUS_OK);
    }
    if (!files[0] || !files[1])
        return;
    CHECK(files[0]->progress.update == files[1]->progress.update);
    CHECK(files[0]->progress.tokens_seen == files[1]->progress.tokens_seen);
    CHECK(files[0]->history.count == files[1]->history.count);
    for (size_t i = 0; i < files[0]->history.count && i < files[1]->history.count; i++) {
        CHECK(files[0]->history.records[i].perplexity == files[1]->history.records[i].perplexity);
        CHECK(files[0]->history.records[i].grad_norm == files[1]->history.records[i].grad_norm);
    }
    CHECK(files[0]->tensor_count == 7);
    for (size_t i = 0; i < files[0]->tensor_count; i++) {
        struct tensor tensor = files[0]->tensors[i];
        size_t count = tensor_elements(&tensor);
        float *numbers[2];
        for (size_t k = 0; k < 2; k++) {
            CHECK(memory_new(&numbers[k], count, &error) == STATUS_OK);
            tensor.data = numbers[k];
            CHECK(checkpoint_read_tensor(files[k], &tensor, &error) == STATUS_OK);
        }
        CHECK(memcmp(numbers[0], numbers[1], count * sizeof *numbers[0]) == 0);
        memory_free(numbers[0]);
        memory_free(numbers[1]);
    }
    checkpoint_close(files[0]);
    checkpoint_close(files[1]);
}

/* Stopped in the middle of an epoch, at the end of one, and behind its first update. */
static void test_going_on(const struct comm *comm, const char *sampling)
{
    static const char *const stops[] = {"1", "5", "8"};
    struct settings settings;
    struct record record = {0};
    struct trainer_result result;
    make_settings(&settings, sampling, "3");
    give(&settings, "sampling", sampling);
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    make_settings(&settings, "in-parts", "3");
    give(&settings, "sampling", sampling);
    settings.overwrite = true;
    give(&settings, "max-updates", "0");
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        give(&settings, "max-updates", stops[i]);
        CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
        CHECK(result.end == TRAINER_MAX_UPDATES && result.update == strtoul(stops[i], NULL, 10));
        make_settings(&settings, "in-parts", "3");
        settings.resume = true;
    }
    give(&settings, "max-updates", "0");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_FINISHED);
    CHECK(comm->rank > 0 || (record.facts.resumed_update == 8 && record.facts.resumed_epoch == 1));
    check_same_run(comm, sampling, "in-parts");

    /* Once more: there is nothing left to do. */
    make_settings(&settings, "in-parts", "3");
    settings.resume = true;
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_FINISHED && record.updates == 0 && record.checkpoints == 0);
    CHECK(isfinite(result.perplexity));
    CHECK(comm->rank > 0 || record.facts.finished_before);
}

/* A rank that runs out of memory, at whatever place, takes all with it, and none waits for it. Every place
 * would take too long: each is twice as far as the one before. */
static void test_one_rank_without_memory(const struct comm *comm, bool resume)
{
    const int failing = comm->size - 1;
    struct settings settings;
    struct record record = {0};
    struct trainer_result result;
    make_settings(&settings, "poor", "2");
    settings.overwrite = true;
    give(&settings, "keep", "0");
    give(&settings, "max-updates", "3");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    for (long allocations = comm->size % 4;; allocations += 1 + allocations) {
        make_settings(&settings, "poor", "2");
        give(&settings, "keep", "0");
        settings.resume = resume;
        settings.overwrite = !resume;
        give(&settings, "max-updates", "3");
        failing_allocator_after(comm->rank == failing ? allocations : -1);
        enum status status = run(comm, &settings, &record, &result);
        double failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        CHECK(comm_sum_f64(comm, &failed, 1, &error) == STATUS_OK);
        if (failed == 0) {
            CHECK(status == STATUS_OK);
            CHECK(allocations > 50);
            break;
        }
        CHECK(status == STATUS_FAILED);
    }
}

/* The request of the last but one update is seen in the last: then all is done, and nothing was stopped. */
static void test_a_stop_too_late(const struct comm *comm)
{
    struct settings settings;
    struct record record = {.stop_after = 2 * UPDATES_OF_EPOCH - 1};
    struct trainer_result result;
    CHECK(stop_on_signals(&error) == STATUS_OK);
    make_settings(&settings, "late", "2");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_FINISHED && result.update == 2 * UPDATES_OF_EPOCH);
    CHECK(comm->rank > 0 || record.samples == 4);
}

/* The request stays, so every run from now on is stopped after one update. */
static void test_a_stop_in_time(const struct comm *comm)
{
    struct settings settings;
    struct record record = {0};
    struct trainer_result result;
    make_settings(&settings, "stopped", "2");
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_STOPPED_BY_SIGNAL && result.update == 1);
    CHECK(comm->rank > 0 || record.samples == 2);
    make_settings(&settings, "stopped", "2");
    settings.resume = true;
    CHECK(run(comm, &settings, &record, &result) == STATUS_OK);
    CHECK(result.end == TRAINER_STOPPED_BY_SIGNAL && result.update == 2);
}

static void test(const struct comm *comm)
{
    CHECK(blis_setup_start(&error) == STATUS_OK);
    if (comm->rank == 0)
        temporary_folder_make(folder);
    CHECK(comm_broadcast(comm, folder, sizeof folder, 0, &error) == STATUS_OK);
    test_what_is_observed(comm);
    test_far_more_epochs_than_time(comm);
    test_going_on(comm, "sequential");
    test_going_on(comm, "random");
    test_one_rank_without_memory(comm, false);
    test_one_rank_without_memory(comm, true);
    test_a_stop_too_late(comm);
    test_a_stop_in_time(comm);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    if (comm->rank == 0)
        temporary_folder_remove(folder);
}

int main(void)
{
    return parallel_run(test);
}
