/* Bytes of different lengths between ranks. */

#include "transfer_private.h"

#include "lstm_mpi/base/memory.h"
#include "support/failing_allocator.h"
#include "support/parallel.h"

#include <string.h>

static struct error error;

/* What `rank` has: its length depends on the rank, and none is empty but that of rank 1. */
static size_t length_of(int rank)
{
    return rank == 1 ? 0 : 100 + 37 * (size_t)rank;
}

static void fill(unsigned char *bytes, int rank)
{
    for (size_t i = 0; i < length_of(rank); i++)
        bytes[i] = (unsigned char)(17 * (size_t)rank + i);
}

static void check(const unsigned char *bytes, size_t count, int rank)
{
    unsigned char expected[1024];
    fill(expected, rank);
    CHECK(count == length_of(rank) && memcmp(bytes, expected, count) == 0);
}

static void test_rounds(const struct comm *comm)
{
    unsigned char mine[1024];
    static const size_t pieces[] = {1 << 20, 137, 100, 7};
    fill(mine, comm->rank);
    for (int distance = 0; distance <= comm->size; distance++) {
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            unsigned char *theirs;
            size_t bytes;
            CHECK(transfer_round_pieces(comm, distance, mine, length_of(comm->rank), &theirs, &bytes,
                                        pieces[i], &error) == STATUS_OK);
            check(theirs, bytes, (comm->rank - distance % comm->size + comm->size) % comm->size);
            memory_free(theirs);
        }
    }
}

static void test_gather(const struct comm *comm)
{
    unsigned char mine[1024];
    unsigned char *all;
    size_t bytes;
    size_t position = 0;
    fill(mine, comm->rank);
    CHECK(transfer_gather(comm, mine, length_of(comm->rank), &all, &bytes, &error) == STATUS_OK);
    for (int rank = 0; rank < comm->size; rank++) {
        check(all + position, length_of(rank), rank);
        position += length_of(rank);
    }
    CHECK(position == bytes);
    memory_free(all);
}

/* One rank is short of memory: an error for all, and none waits for it. */
static void test_one_rank_without_memory(const struct comm *comm)
{
    for (long allocations = 0; allocations < 4; allocations++) {
        unsigned char mine[1024];
        unsigned char *round = NULL;
        unsigned char *all = NULL;
        size_t bytes;
        fill(mine, comm->rank);
        failing_allocator_after(comm->rank == comm->size - 1 ? allocations : -1);
        enum status status = transfer_round(comm, 1, mine, length_of(comm->rank), &round, &bytes, &error);
        if (status == STATUS_OK)
            status = transfer_gather(comm, mine, length_of(comm->rank), &all, &bytes, &error);
        failing_allocator_after(-1);
        CHECK(status == (allocations < 3 ? STATUS_FAILED : STATUS_OK));
        memory_free(round);
        memory_free(all);
    }
}

static void test(const struct comm *comm)
{
    test_rounds(comm);
    test_gather(comm);
    test_one_rank_without_memory(comm);
}

int main(void)
{
    return parallel_run(test);
}
