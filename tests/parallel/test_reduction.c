/* Sums over the ranks of a test, who pretend to be on nodes of so many ranks and CPUs: what they share they
 * share in truth, and what passes between the nodes are messages as between machines. */

#include "lstm_mpi/dist/reduction.h"

#include "comm_private.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/dist/agree.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"

#include <string.h>

enum { LONG = 5 * (1 << 16) + 16 }; /* more rounds than a lane has under way */

static struct error error;

static void pretend(struct comm *comm, struct comm_handles *handles, const struct comm *real, int node_size,
                    int node_cpus)
{
    *comm = *real;
    *handles = *real->handles;
    comm->handles = handles;
    comm->nodes = (real->size + node_size - 1) / node_size;
    CHECK(MPI_Comm_split(real->handles->ranks, real->rank / node_size, 0, &handles->node) == MPI_SUCCESS);
    CHECK(MPI_Comm_split(real->handles->ranks, real->rank % node_size, 0, &handles->lane) == MPI_SUCCESS);
    CHECK(MPI_Comm_rank(handles->node, &comm->node_rank) == MPI_SUCCESS);
    CHECK(MPI_Comm_size(handles->node, &comm->node_size) == MPI_SUCCESS);
    comm->on_first_node = real->rank < node_size;
    handles->rest = NULL;
    CHECK(comm_find_workers(comm, node_cpus, &error) == STATUS_OK);
}

static void stop_pretending(struct comm *comm)
{
    struct comm_handles *handles = comm->handles;
    comm_forget_workers(comm);
    CHECK(MPI_Comm_free(&handles->node) == MPI_SUCCESS && MPI_Comm_free(&handles->lane) == MPI_SUCCESS);
}

/* Whole numbers, so that sums are exact in any order; long runs of zeros, other ones on every worker. */
static float whole_number(int worker, size_t i)
{
    uint64_t run = (i / 80 + 1) * ((uint64_t)worker + 3) * UINT64_C(0x9E3779B97F4A7C15);
    return run >> 63 ? 0 : (float)((i * 7 + (size_t)worker * 13) % 1000) - 500;
}

static float exact_sum(const struct comm *comm, size_t i)
{
    float sum = 0;
    for (int worker = 0; worker < comm->workers; worker++)
        sum += whole_number(worker, i);
    return sum;
}

/* Sums `count` ranges, going on with the sum meanwhile where `early`. */
static struct reduction_parts sum(const struct comm *comm, struct reduction *reduction,
                                  const struct range *ranges, size_t count, bool early)
{
    struct reduction_parts parts;
    size_t begun = comm_is_worker(comm) ? count : 0;
    for (size_t i = 0; i < begun; i++) {
        reduction_begin(reduction, ranges[i]);
        for (int turn = 0; early && turn < 3; turn++)
            reduction_continue(reduction);
    }
    CHECK(reduction_finish(reduction, &parts, &error) == STATUS_OK);
    CHECK(parts.count == begun);
    return parts;
}

/* The parts are sums, and over the workers of a node they are the whole, once. */
static void check_sums(const struct comm *comm, size_t capacity, const struct range *ranges, size_t count)
{
    for (int early = 0; early < 2; early++) {
        struct reduction *reduction;
        CHECK(reduction_create(&reduction, comm, capacity, count, &error) == STATUS_OK);
        float *values = reduction_buffer(reduction);
        CHECK((values != NULL) == comm_is_worker(comm));
        for (size_t i = 0; values && i < capacity; i++)
            values[i] = whole_number(comm->worker, i);
        struct reduction_parts parts = sum(comm, reduction, ranges, count, early != 0);
        size_t wrong = 0;
        for (size_t k = 0; k < count; k++) {
            struct range part = k < parts.count ? parts.ranges[k] : (struct range){0};
            int mine = (int)part.count;
            int all = 0;
            for (size_t i = part.first; i < part.first + part.count; i++)
                wrong += values[i] != exact_sum(comm, i);
            CHECK(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_SUM, comm->handles->node) == MPI_SUCCESS);
            CHECK((size_t)all == ranges[k].count);
            CHECK(mine == 0 || comm->node_rank < comm->least_node_workers);
        }
        CHECK(wrong == 0);
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
        reduction_destroy(reduction);
    }
}

static void test_sums(const struct comm *comm)
{
    static const size_t counts[] = {0, 1, 15, 16, 17, 64, 1000, LONG};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        check_sums(comm, counts[i] + 1, &(struct range){0, counts[i]}, 1);
    static const struct range ranges[] = {{4096, 900}, {0, 4096}, {5008, 0}, {5008, LONG - 5008}};
    check_sums(comm, LONG, ranges, sizeof ranges / sizeof ranges[0]);
}

/* Of numbers whose sums are rounded: the same bits on all nodes and at every repetition, however the sum was
 * gone on with, and after one another in the same reduction. */
static void test_same_bits(const struct comm *comm)
{
    static const struct range ranges[] = {{0, 1024}, {1024, LONG - 1024}};
    struct reduction *reduction;
    uint64_t first = 0;
    CHECK(reduction_create(&reduction, comm, LONG, 2, &error) == STATUS_OK);
    float *values = reduction_buffer(reduction);
    for (int repetition = 0; repetition < 4; repetition++) {
        for (size_t i = 0; values && i < LONG; i++)
            values[i] = (float)random_normal(9, (uint64_t)comm->rank, i);
        struct reduction_parts parts = sum(comm, reduction, ranges, 2, repetition % 2 == 0);
        uint64_t digest = 0;
        for (size_t k = 0; k < parts.count; k++)
            digest ^= digest_of(values + parts.ranges[k].first, parts.ranges[k].count * sizeof *values);
        if (comm->node_rank < comm->least_node_workers) {
            uint64_t of_first_node = digest;
            CHECK(MPI_Bcast(&of_first_node, 1, MPI_UINT64_T, 0, comm->handles->lane) == MPI_SUCCESS);
            CHECK(of_first_node == digest);
        }
        CHECK(repetition == 0 || digest == first);
        first = digest;
        CHECK(comm_barrier(comm, &error) == STATUS_OK);
    }
    reduction_destroy(reduction);
}

static void test_without_memory(const struct comm *comm)
{
    bool failed = true;
    for (long allocations = 0; failed && allocations < 100; allocations++) {
        struct reduction *reduction;
        failing_allocator_after(comm->rank == comm->size - 1 ? allocations : -1);
        enum status status = reduction_create(&reduction, comm, 100, 1, &error);
        double failures = failing_allocator_has_failed() ? 1 : 0;
        failing_allocator_after(-1);
        CHECK(comm_max_f64(comm, &failures, 1, &error) == STATUS_OK);
        failed = failures > 0;
        CHECK(status == (failed ? STATUS_FAILED : STATUS_OK));
        CHECK((reduction == NULL) == failed);
        reduction_destroy(reduction);
    }
    CHECK(!failed);
}

static void test(const struct comm *real)
{
    static const int node_sizes[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof node_sizes / sizeof node_sizes[0]; i++) {
        if (i > 0 && node_sizes[i - 1] >= real->size)
            break;
        for (int node_cpus = 1; node_cpus <= node_sizes[i]; node_cpus = 2 * node_cpus + 1) {
            struct comm comm;
            struct comm_handles handles;
            pretend(&comm, &handles, real, node_sizes[i], node_cpus);
            test_sums(&comm);
            test_same_bits(&comm);
            test_without_memory(&comm);
            stop_pretending(&comm);
        }
    }
}

int main(void)
{
    return parallel_run(test);
}
