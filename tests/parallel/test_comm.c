#include "comm_private.h"
#include "launch.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_handle.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "support/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct error error;

static void test_place(const struct comm *comm)
{
    CHECK(comm->rank >= 0 && comm->rank < comm->size);
    CHECK(comm->node_rank >= 0 && comm->node_rank < comm->node_size);
    CHECK(comm->nodes >= 1 && comm->nodes <= comm->size);
    int size;
    CHECK(MPI_Comm_size(comm_library_handle(comm), &size) == MPI_SUCCESS && size == comm->size);
    const char *local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    CHECK(!local || launch_ranks_on_host() == comm->node_size);
    char host[COMM_HOST_BYTES];
    comm_host_name(host);
    CHECK(strlen(host) > 0);
}

/* Every length around a piece, from every root. */
static void test_broadcast(const struct comm *comm)
{
    enum { PIECE = 8 };
    for (int root = 0; root < comm->size; root++) {
        for (size_t bytes = 0; bytes <= 3 * PIECE + 1; bytes++) {
            char buffer[3 * PIECE + 2];
            memset(buffer, comm->rank == root ? 'a' + root : '-', sizeof buffer);
            CHECK(comm_broadcast_pieces(comm, buffer, bytes, root, PIECE, &error) == STATUS_OK);
            for (size_t i = 0; i < sizeof buffer; i++)
                CHECK(buffer[i] == (i < bytes || comm->rank == root ? 'a' + root : '-'));
        }
    }
    CHECK(comm_broadcast(comm, NULL, 0, 0, &error) == STATUS_OK);
}

static void test_sums(const struct comm *comm)
{
    enum { PIECE = 4, LONGEST = 3 * PIECE + 1 };
    const int ranks = comm->size;
    for (size_t count = 0; count <= LONGEST; count++) {
        float f32[LONGEST + 1];
        double f64[LONGEST + 1];
        uint64_t u64[LONGEST + 1];
        double largest[LONGEST + 1];
        for (size_t i = 0; i <= LONGEST; i++) {
            f32[i] = (float)i + (float)comm->rank;
            f64[i] = f32[i];
            u64[i] = (UINT64_C(1) << 60) + i;
            largest[i] = -(double)i - (comm->rank == ranks / 2 ? 1 : 2);
        }
        CHECK(comm_reduce_pieces(comm, f32, count, MPI_FLOAT, MPI_SUM, PIECE, &error) == STATUS_OK);
        CHECK(comm_sum_f64(comm, f64, count, &error) == STATUS_OK);
        CHECK(comm_sum_u64(comm, u64, count, &error) == STATUS_OK);
        CHECK(comm_max_f64(comm, largest, count, &error) == STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            double sum = (double)ranks * (double)i + 0.5 * ranks * (ranks - 1);
            CHECK(f32[i] == (float)sum);
            CHECK(f64[i] == sum);
            CHECK(u64[i] == (uint64_t)ranks * ((UINT64_C(1) << 60) + i));
            CHECK(largest[i] == -(double)i - 1);
        }
        CHECK(f32[count] == (float)count + (float)comm->rank);
        CHECK(f64[count] == (double)count + comm->rank);
    }
}

/* Numbers whose sum depends on the order of adding, at lengths for which MPI changes its algorithm. */
static void test_sum_is_the_same_everywhere(const struct comm *comm)
{
    static const size_t counts[] = {1, 7, 1000, 30011, 300007};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        double *values;
        CHECK(memory_new(&values, counts[c], &error) == STATUS_OK);
        for (size_t i = 0; i < counts[c]; i++)
            values[i] = random_normal(1, (uint64_t)comm->rank, i);
        CHECK(comm_sum_f64(comm, values, counts[c], &error) == STATUS_OK);
        uint64_t digest = digest_of(values, counts[c] * sizeof *values);
        CHECK(agree_same(comm, digest, "sums", &error) == STATUS_OK);
        double expected = 0;
        for (int rank = 0; rank < comm->size; rank++)
            expected += random_normal(1, (uint64_t)rank, counts[c] - 1);
        CHECK(fabs(values[counts[c] - 1] - expected) < 1e-13);
        memory_free(values);
    }
}

static void test_gather(const struct comm *comm)
{
    enum { PIECE = 4, LONGEST = 3 * PIECE + 1 };
    for (size_t bytes = 0; bytes <= LONGEST; bytes++) {
        char mine[LONGEST];
        char *all;
        CHECK(memory_new(&all, (size_t)comm->size * LONGEST + 1, &error) == STATUS_OK);
        for (size_t i = 0; i < bytes; i++)
            mine[i] = (char)(10 * comm->rank + (int)i);
        CHECK(comm_gather_pieces(comm, mine, bytes, all, PIECE, &error) == STATUS_OK);
        for (int rank = 0; rank < comm->size; rank++)
            for (size_t i = 0; i < bytes; i++)
                CHECK(all[(size_t)rank * bytes + i] == (char)(10 * rank + (int)i));
        CHECK(all[(size_t)comm->size * bytes] == 0);
        memory_free(all);
    }
    int *ranks;
    CHECK(memory_new(&ranks, (size_t)comm->size, &error) == STATUS_OK);
    CHECK(comm_gather(comm, &comm->rank, sizeof comm->rank, ranks, &error) == STATUS_OK);
    for (int rank = 0; rank < comm->size; rank++)
        CHECK(ranks[rank] == rank);
    memory_free(ranks);
}

/* The lowest ranks of a node, as many as it has CPUs, own all rows between them, in order. */
static void test_workers(const struct comm *comm)
{
    enum { BATCH = 37 };
    CHECK(comm->node_workers >= 1 && comm->node_workers <= comm->node_size);
    CHECK(comm_is_worker(comm) == (comm->node_rank < comm->node_workers));
    CHECK(comm->worker < comm->workers && comm->worker <= comm->rank);
    CHECK(comm->least_node_workers <= comm->node_workers);
    struct range rows = comm_rows(comm, BATCH);
    double counts[] = {comm_is_worker(comm) ? 1 : 0, (double)rows.count};
    CHECK(comm_is_worker(comm) || rows.count == 0);
    CHECK(comm_sum_f64(comm, counts, 2, &error) == STATUS_OK);
    CHECK(counts[0] == comm->workers && counts[1] == BATCH);
    struct range *all;
    CHECK(memory_new(&all, (size_t)comm->size, &error) == STATUS_OK);
    CHECK(comm_gather(comm, &rows, sizeof rows, all, &error) == STATUS_OK);
    size_t next = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        CHECK(all[rank].count == 0 || all[rank].first == next);
        next += all[rank].count;
    }
    memory_free(all);
    double largest = comm->worker;
    CHECK(comm_workers_max_f64(comm, &largest, 1, &error) == STATUS_OK);
    CHECK(largest == (comm_is_worker(comm) ? comm->workers - 1 : -1));
    CHECK(comm_workers_node_barrier(comm, &error) == STATUS_OK);
}

/* Nobody wakes up before the last worker has come, however often they rest. */
static void test_rest(const struct comm *comm)
{
    enum { TIMES = 50 };
    struct comm_shared *shared;
    void *memory;
    CHECK(comm_shared_allocate(&shared, &memory, comm, sizeof(_Atomic int), &error) == STATUS_OK);
    _Atomic int *arrived = memory;
    for (int times = 1; times <= TIMES; times++) {
        if (comm_is_worker(comm)) {
            if (times % 10 == 0)
                usleep(2000U * (unsigned)comm->node_rank);
            atomic_fetch_add(arrived, 1);
        }
        comm_rest(comm);
        CHECK(comm_is_worker(comm) || atomic_load(arrived) == times * comm->node_workers);
        CHECK(comm_node_barrier(comm, &error) == STATUS_OK);
    }
    comm_shared_free(shared);
}

static void test_with_cpus(const struct comm *real)
{
    for (int node_cpus = 0; node_cpus <= real->node_size; node_cpus++) {
        struct comm comm = *real;
        struct comm_handles handles = *real->handles;
        comm.handles = &handles;
        handles.rest = NULL;
        CHECK(comm_find_workers(&comm, node_cpus, &error) == STATUS_OK);
        CHECK(comm.nodes > 1 || comm.workers == (node_cpus > 0 ? node_cpus : comm.size));
        test_workers(&comm);
        test_rest(&comm);
        comm_forget_workers(&comm);
    }
}

/* A collective that MPI refuses is an error in MPI's words. */
static void test_mpi_error(const struct comm *comm)
{
    char byte = 0;
    CHECK(comm_broadcast(comm, &byte, 1, comm->size, &error) == STATUS_FAILED);
    CHECK(strcmp(error.what, "MPI_Bcast failed") == 0);
    CHECK(strstr(error.why, "MPI_ERR_ROOT") != NULL);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
}

static void test(const struct comm *comm)
{
    test_place(comm);
    test_workers(comm);
    test_with_cpus(comm);
    test_broadcast(comm);
    test_sums(comm);
    test_sum_is_the_same_everywhere(comm);
    test_gather(comm);
    test_mpi_error(comm);
}

int main(void)
{
    return parallel_run(test);
}
