#include "lstm_mpi/dist/watch.h"

#include "lstm_mpi/base/clock.h"
#include "support/parallel.h"

#include <unistd.h>

static struct error error;
static const char *const stages[] = {"starting", "working"};

static void unexpected(void *unused, const struct error *stall)
{
    (void)unused;
    char line[ERROR_LINE_BYTES];
    error_line(line, stall);
    fprintf(stderr, "%s\n", line);
}

/* Whenever its end comes, the thread ends at once. */
static void test_starts_and_ends(const struct comm *comm)
{
    for (int turn = 0; turn < 20; turn++) {
        struct watch *watch;
        struct watch_spec spec = {turn % 2 ? 600 : 5, stages, unexpected, NULL};
        CHECK(watch_start(&watch, comm, &spec, &error) == STATUS_OK && watch);
        usleep((useconds_t)turn * 1000U);
        double start = clock_seconds();
        watch_end(watch);
        CHECK(clock_seconds() - start < 10);
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
    }
    watch_end(NULL);
}

/* Steps that are shorter than the timeout, together longer. */
static void test_steps(const struct comm *comm)
{
    struct watch *watch;
    struct watch_spec spec = {2, stages, unexpected, NULL};
    CHECK(watch_start(&watch, comm, &spec, &error) == STATUS_OK);
    for (uint64_t step = 1; step <= 40; step++) {
        watch_step(comm, 1, step);
        usleep(100000);
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
    }
    watch_end(watch);
}

/* One rank works on at its step, the others wait for it. */
static void test_long_step(const struct comm *comm)
{
    struct watch *watch;
    struct watch_spec spec = {2, stages, unexpected, NULL};
    CHECK(watch_start(&watch, comm, &spec, &error) == STATUS_OK);
    watch_step(comm, 1, 0);
    for (int part = 0; part < 40 && comm->rank == comm->size - 1; part++) {
        watch_go_on(comm);
        usleep(100000);
    }
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    watch_end(watch);
}

static void test_off(const struct comm *comm)
{
    struct watch *watch;
    struct watch_spec spec = {0, stages, unexpected, NULL};
    CHECK(watch_start(&watch, comm, &spec, &error) == STATUS_OK && !watch);
    watch_step(comm, 1, 1);
}

static void test(const struct comm *comm)
{
    test_starts_and_ends(comm);
    test_steps(comm);
    test_long_step(comm);
    test_off(comm);
}

int main(void)
{
    return parallel_run(test);
}
