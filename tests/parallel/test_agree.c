#include "lstm_mpi/dist/agree.h"

#include "support/parallel.h"

#include <string.h>

static struct error error;

/* `fails` holds a bit for every failing rank; each fails in its own way. */
static enum status fail_as_told(const struct comm *comm, unsigned fails)
{
    memset(&error, 0, sizeof error);
    if (!(fails >> comm->rank & 1U))
        return STATUS_OK;
    error_set(&error, comm->rank % 2 ? STATUS_USAGE : STATUS_FAILED, "cannot read part %d", comm->rank);
    error_why(&error, "its lines number 我有%d剑", comm->rank);
    return error_remedy(&error, "ask rank %d", comm->rank);
}

static void check_agreement(const struct comm *comm, unsigned fails)
{
    enum status status = agree_on_status(comm, fail_as_told(comm, fails), &error);
    int lowest = 0;
    while (lowest < comm->size && !(fails >> lowest & 1U))
        lowest++;
    if (lowest == comm->size) {
        CHECK(status == STATUS_OK);
        return;
    }
    struct error expected;
    error_set(&expected, lowest % 2 ? STATUS_USAGE : STATUS_FAILED, "cannot read part %d", lowest);
    error_why(&expected, "its lines number 我有%d剑", lowest);
    error_remedy(&expected, "ask rank %d", lowest);
    CHECK(status == expected.status);
    CHECK(error.status == expected.status);
    CHECK(strcmp(error.what, expected.what) == 0);
    CHECK(strcmp(error.why, expected.why) == 0);
    CHECK(strcmp(error.remedy, expected.remedy) == 0);
}

/* The status alone counts, whatever an older error left behind. */
static void test_returned_status_wins(const struct comm *comm)
{
    memset(&error, 0, sizeof error);
    error_set(&error, STATUS_FAILED, "stale");
    CHECK(agree_on_status(comm, STATUS_OK, &error) == STATUS_OK);
    enum status status = comm->rank == comm->size - 1 ? STATUS_STOPPED : STATUS_OK;
    CHECK(agree_on_status(comm, status, &error) == STATUS_STOPPED);
    CHECK(error.status == STATUS_STOPPED);
}

/* One bit set in one rank's digest, at either end. */
static void test_same(const struct comm *comm)
{
    static const uint64_t digests[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(0x0123456789abcdef)};
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        CHECK(agree_same(comm, digests[i], "weights", &error) == STATUS_OK);
        for (int odd = 0; comm->size > 1 && odd < comm->size; odd++) {
            for (int bit = 0; bit < 64; bit += 63) {
                uint64_t digest = digests[i] ^ (comm->rank >= odd ? UINT64_C(1) << bit : 0);
                enum status expected = odd == 0 ? STATUS_OK : STATUS_FAILED;
                CHECK(agree_same(comm, digest, "weights", &error) == expected);
                if (expected == STATUS_OK)
                    continue;
                char who[32];
                snprintf(who, sizeof who, "rank %d on ", odd);
                CHECK(strstr(error.what, "weights") && strstr(error.why, who) == error.why);
            }
        }
    }
}

/* A rank that left a collective half-way does not go on to another one, in which nobody would meet it. */
static void test_broken_communication(const struct comm *comm)
{
    if (comm->rank == comm->size - 1) {
        memset(&error, 0, sizeof error);
        error_set(&error, STATUS_FAILED, "MPI_Bcast failed");
        error.broke_communication = true;
        CHECK(agree_on_status(comm, STATUS_FAILED, &error) == STATUS_FAILED);
        CHECK(error.broke_communication && strcmp(error.what, "MPI_Bcast failed") == 0);
    }
    CHECK(agree_on_status(comm, STATUS_OK, &error) == STATUS_OK);
}

static void test(const struct comm *comm)
{
    for (unsigned fails = 0; fails < 1U << comm->size; fails++)
        check_agreement(comm, fails);
    test_returned_status_wins(comm);
    test_broken_communication(comm);
    test_same(comm);
}

int main(void)
{
    return parallel_run(test);
}
