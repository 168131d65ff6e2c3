#include "lstm_mpi/dist/comm_shared.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"

#include <string.h>

static struct error error;

/* Each rank writes its part, each reads the parts of all; then the turns are changed. */
static void test_seen_by_all(const struct comm *comm, size_t bytes)
{
    struct comm_shared *shared;
    void *memory;
    CHECK(comm_shared_allocate(&shared, &memory, comm, bytes, &error) == STATUS_OK);
    if (!memory)
        return;
    CHECK((uintptr_t)memory % MEMORY_ALIGNMENT == 0);
    unsigned char *text = memory;
    for (size_t i = 0; i < bytes; i++)
        CHECK(text[i] == 0);
    CHECK(comm_node_barrier(comm, &error) == STATUS_OK);
    const size_t parts = (size_t)comm->node_size;
    for (size_t turn = 0; turn < 3; turn++) {
        struct range mine = partition_range(bytes, parts, ((size_t)comm->node_rank + turn) % parts);
        memset(text + mine.first, comm->node_rank + 1, mine.count);
        CHECK(comm_node_barrier(comm, &error) == STATUS_OK);
        for (size_t rank = 0; rank < parts; rank++) {
            struct range part = partition_range(bytes, parts, (rank + turn) % parts);
            for (size_t i = part.first; i < part.first + part.count; i++)
                CHECK(text[i] == rank + 1);
        }
        CHECK(comm_node_barrier(comm, &error) == STATUS_OK);
    }
    comm_shared_free(shared);
}

/* More than any machine has: an error on every rank, and all go on. */
static void test_too_large(const struct comm *comm)
{
    struct comm_shared *shared;
    void *memory;
    static const size_t sizes[] = {(size_t)1 << 50, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK(comm_shared_allocate(&shared, &memory, comm, sizes[i], &error) == STATUS_FAILED);
        CHECK(!shared && !memory && error.what[0] && error.why[0]);
    }
}

/* Short of memory on one rank: an error on every rank. */
static void test_one_rank_fails(const struct comm *comm)
{
    struct comm_shared *shared;
    void *memory;
    for (int failing = 0; failing < comm->size; failing++) {
        failing_allocator_after(comm->rank == failing ? 0 : -1);
        CHECK(comm_shared_allocate(&shared, &memory, comm, 100, &error) == STATUS_FAILED);
        CHECK(!shared && !memory && strcmp(error.what, "out of memory") == 0);
        CHECK(failing_allocator_has_failed() == (comm->rank == failing));
    }
    failing_allocator_after(-1);
}

static void test(const struct comm *comm)
{
    test_seen_by_all(comm, 0);
    test_seen_by_all(comm, 1);
    test_seen_by_all(comm, 4096);
    test_seen_by_all(comm, 100001);
    test_too_large(comm);
    test_one_rank_fails(comm);
    test_seen_by_all(comm, 5000);
    comm_shared_free(NULL);
}

int main(void)
{
    return parallel_run(test);
}
