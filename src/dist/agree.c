#include "lstm_mpi/dist/agree.h"

#include "comm_private.h"
#include "mpi_check.h"

#include <inttypes.h>
#include <stdbool.h>

enum status agree_on_status(const struct comm *comm, enum status status, struct error *error)
{
    if (comm->size == 1) {
        if (status != STATUS_OK)
            error->status = status;
        return status;
    }
    /* The others may still be in the collective that this rank left half-way, and would not come here. */
    if (status != STATUS_OK && error->broke_communication)
        return status;
    int lowest_failing = status == STATUS_OK ? comm->size : comm->rank;
    struct error broken;
    enum status exchange = mpi_check(COMM_WAIT(comm, MPI_Allreduce(MPI_IN_PLACE, &lowest_failing, 1, MPI_INT,
                                                                   MPI_MIN, comm->handles->ranks)),
                                     "MPI_Allreduce", &broken);
    if (exchange == STATUS_OK && lowest_failing == comm->size)
        return STATUS_OK;
    if (exchange == STATUS_OK) {
        struct error agreed = *error;
        agreed.status = status;
        exchange = comm_broadcast(comm, &agreed, sizeof agreed, lowest_failing, &broken);
        if (exchange == STATUS_OK) {
            *error = agreed;
            return error->status;
        }
    }
    /* This rank's own error tells more than that the exchange broke. */
    if (status != STATUS_OK) {
        error->broke_communication = true;
        return status;
    }
    *error = broken;
    return exchange;
}

/* The largest d and the largest ~d, which is the smallest d. */
static enum status all_equal(const struct comm *comm, uint64_t digest, bool *equal, struct error *error)
{
    uint64_t extremes[2] = {digest, ~digest};
    enum status status = comm_reduce_pieces(comm, extremes, 2, MPI_UINT64_T, MPI_MAX, COMM_PIECE, error);
    *equal = extremes[0] == ~extremes[1];
    return status;
}

enum status agree_same(const struct comm *comm, uint64_t digest, const char *what, struct error *error)
{
    enum status status;
    bool equal;
    TRY(all_equal(comm, digest, &equal, error));
    if (equal)
        goto done;
    uint64_t first = digest;
    TRY(comm_broadcast(comm, &first, sizeof first, 0, error));
    if (digest != first) {
        char host[COMM_HOST_BYTES];
        comm_host_name(host);
        error_set(error, STATUS_FAILED, "the ranks do not hold the same %s", what);
        error_why(error, "rank %d on %s differs from rank 0: digest %016" PRIx64 " instead of %016" PRIx64,
                  comm->rank, host, digest, first);
        status = error_remedy(error, "check that host's memory, and that all hosts have the same libraries");
    }
    status = agree_on_status(comm, status, error);
done:
    return status;
}
