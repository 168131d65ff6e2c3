#include "lstm_mpi/dist/transfer.h"

#include "comm_private.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "mpi_check.h"
#include "transfer_private.h"

#include <string.h>

static int piece_of(size_t bytes, size_t from, size_t piece)
{
    size_t rest = bytes > from ? bytes - from : 0;
    return (int)(rest < piece ? rest : piece);
}

/* Both sides know how many bytes come: pieces without any are not sent. */
static enum status send_and_receive(const struct comm *comm, int to, const void *mine, size_t bytes, int from,
                                    void *theirs, size_t theirs_bytes, size_t piece, struct error *error)
{
    enum status status = STATUS_OK;
    size_t most = bytes > theirs_bytes ? bytes : theirs_bytes;
    for (size_t first = 0; first < most; first += piece) {
        MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
        int sent = piece_of(bytes, first, piece);
        int received = piece_of(theirs_bytes, first, piece);
        if (received > 0)
            TRY(mpi_check(MPI_Irecv((char *)theirs + first, received, MPI_BYTE, from, 0, comm->handles->ranks,
                                    &requests[0]),
                          "MPI_Irecv", error));
        if (sent > 0)
            TRY(mpi_check(MPI_Isend((const char *)mine + first, sent, MPI_BYTE, to, 0, comm->handles->ranks,
                                    &requests[1]),
                          "MPI_Isend", error));
        TRY(mpi_check(COMM_WAIT(comm, MPI_Waitall(2, requests, MPI_STATUSES_IGNORE)), "MPI_Waitall", error));
    }
done:
    return status;
}

enum status transfer_round_pieces(const struct comm *comm, int distance, const void *mine, size_t bytes,
                                  unsigned char **theirs, size_t *theirs_bytes, size_t piece,
                                  struct error *error)
{
    enum status status;
    int to = (comm->rank + distance) % comm->size;
    int from = (comm->rank - distance % comm->size + comm->size) % comm->size;
    uint64_t length = bytes;
    uint64_t their_length = 0;
    *theirs = NULL;
    *theirs_bytes = 0;
    TRY(mpi_check(
        COMM_WAIT(comm, MPI_Sendrecv(&length, 1, MPI_UINT64_T, to, 0, &their_length, 1, MPI_UINT64_T, from, 0,
                                     comm->handles->ranks, MPI_STATUS_IGNORE)),
        "MPI_Sendrecv", error));
    TRY(agree_on_status(comm, memory_new(theirs, their_length, error), error));
    *theirs_bytes = their_length;
    TRY(send_and_receive(comm, to, mine, bytes, from, *theirs, their_length, piece, error));
done:
    return status;
}

enum status transfer_round(const struct comm *comm, int distance, const void *mine, size_t bytes,
                           unsigned char **theirs, size_t *theirs_bytes, struct error *error)
{
    return transfer_round_pieces(comm, distance, mine, bytes, theirs, theirs_bytes, COMM_PIECE, error);
}

enum status transfer_gather(const struct comm *comm, const void *mine, size_t bytes, unsigned char **all,
                            size_t *all_bytes, struct error *error)
{
    enum status status;
    uint64_t *lengths = NULL;
    uint64_t length = bytes;
    size_t total = 0;
    *all = NULL;
    *all_bytes = 0;
    TRY(agree_on_status(comm, memory_new(&lengths, (size_t)comm->size, error), error));
    TRY(comm_gather(comm, &length, sizeof length, lengths, error));
    for (int rank = 0; rank < comm->size; rank++)
        total += lengths[rank];
    TRY(agree_on_status(comm, memory_new(all, total, error), error));
    for (int rank = 0; rank < comm->size; rank++) {
        if (rank == comm->rank)
            memcpy(*all + *all_bytes, mine, bytes);
        TRY(comm_broadcast(comm, *all + *all_bytes, lengths[rank], rank, error));
        *all_bytes += lengths[rank];
    }
done:
    memory_free(lengths);
    return status;
}
