#include "lstm_mpi/dist/comm.h"

#include "comm_private.h"
#include "launch.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/dist/comm_handle.h"
#include "mpi_check.h"
#include "rest.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct comm comm_alone = {
    .size = 1,
    .node_size = 1,
    .nodes = 1,
    .workers = 1,
    .node_workers = 1,
    .least_node_workers = 1,
    .on_first_node = true,
};

static enum status start_mpi(struct error *error)
{
    launch_yield_where_crowded();
    launch_without_shared_file_pointers();
    int support;
    enum status status =
        mpi_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &support), "MPI_Init_thread", error);
    if (status == STATUS_OK && support < MPI_THREAD_FUNNELED) {
        error_set(error, STATUS_FAILED, "this MPI library cannot be used");
        return error_why(error, "it allows no threads beside the one that communicates");
    }
    return status;
}

/* Everything about MPI that a run needs, made from MPI_COMM_WORLD. */
static enum status open_handles(struct comm_handles *handles, struct error *error)
{
    enum status status;
    TRY(mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler",
                  error));
    TRY(mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &handles->ranks), "MPI_Comm_dup", error));
    TRY(mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &handles->for_libraries), "MPI_Comm_dup", error));
    TRY(mpi_check(MPI_Comm_split_type(handles->ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &handles->node),
                  "MPI_Comm_split_type", error));
    int node_rank;
    TRY(mpi_check(MPI_Comm_rank(handles->node, &node_rank), "MPI_Comm_rank", error));
    TRY(mpi_check(MPI_Comm_split(handles->ranks, node_rank, 0, &handles->lane), "MPI_Comm_split", error));
    MPI_Comm all[] = {handles->ranks, handles->for_libraries, handles->node, handles->lane};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        TRY(mpi_check(MPI_Comm_set_errhandler(all[i], MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", error));
done:
    return status;
}

static enum status find_place(struct comm *comm, struct error *error)
{
    enum status status;
    TRY(mpi_check(MPI_Comm_rank(comm->handles->ranks, &comm->rank), "MPI_Comm_rank", error));
    TRY(mpi_check(MPI_Comm_size(comm->handles->ranks, &comm->size), "MPI_Comm_size", error));
    TRY(mpi_check(MPI_Comm_rank(comm->handles->node, &comm->node_rank), "MPI_Comm_rank", error));
    TRY(mpi_check(MPI_Comm_size(comm->handles->node, &comm->node_size), "MPI_Comm_size", error));
    int lowest_rank = comm->rank;
    TRY(mpi_check(MPI_Allreduce(MPI_IN_PLACE, &lowest_rank, 1, MPI_INT, MPI_MIN, comm->handles->node),
                  "MPI_Allreduce", error));
    comm->on_first_node = lowest_rank == 0;
    int first_of_node = comm->node_rank == 0;
    TRY(mpi_check(MPI_Allreduce(&first_of_node, &comm->nodes, 1, MPI_INT, MPI_SUM, comm->handles->ranks),
                  "MPI_Allreduce", error));
done:
    return status;
}

/* The CPUs that the ranks of a node share. Where they are bound to CPUs of their own, somebody has dealt
 * these out, and which ranks would work best cannot be known: *count is 0 then. */
static enum status find_node_cpus(const struct comm *comm, cpu_set_t *cpus, int *count, struct error *error)
{
    enum status status;
    MPI_Comm node = comm->handles->node;
    cpu_set_t of_all;
    launch_cpus_of_rank(cpus);
    of_all = *cpus;
    TRY(mpi_check(MPI_Allreduce(MPI_IN_PLACE, &of_all, (int)sizeof of_all, MPI_BYTE, MPI_BAND, node),
                  "MPI_Allreduce", error));
    TRY(mpi_check(MPI_Allreduce(MPI_IN_PLACE, cpus, (int)sizeof *cpus, MPI_BYTE, MPI_BOR, node),
                  "MPI_Allreduce", error));
    *count = launch_cpus_said(CPU_EQUAL(cpus, &of_all) ? CPU_COUNT(cpus) : 0);
    TRY(mpi_check(MPI_Bcast(count, 1, MPI_INT, 0, node), "MPI_Bcast", error));
done:
    return status;
}

enum status comm_find_workers(struct comm *comm, int node_cpus, struct error *error)
{
    enum status status;
    struct comm_handles *handles = comm->handles;
    comm->node_workers = node_cpus > 0 && node_cpus < comm->node_size ? node_cpus : comm->node_size;
    comm->least_node_workers = comm->node_workers;
    TRY(mpi_check(MPI_Allreduce(MPI_IN_PLACE, &comm->least_node_workers, 1, MPI_INT, MPI_MIN, handles->ranks),
                  "MPI_Allreduce", error));
    int works = comm->node_rank < comm->node_workers ? 1 : 0;
    int color = works ? 0 : MPI_UNDEFINED;
    TRY(mpi_check(MPI_Comm_split(handles->ranks, color, 0, &handles->workers), "MPI_Comm_split", error));
    TRY(mpi_check(MPI_Comm_split(handles->node, color, 0, &handles->node_workers), "MPI_Comm_split", error));
    TRY(mpi_check(MPI_Allreduce(&works, &comm->workers, 1, MPI_INT, MPI_SUM, handles->ranks), "MPI_Allreduce",
                  error));
    comm->worker = -1;
    if (works) {
        TRY(mpi_check(MPI_Comm_rank(handles->workers, &comm->worker), "MPI_Comm_rank", error));
        TRY(mpi_check(MPI_Comm_set_errhandler(handles->workers, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler",
                      error));
        TRY(mpi_check(MPI_Comm_set_errhandler(handles->node_workers, MPI_ERRORS_RETURN),
                      "MPI_Comm_set_errhandler", error));
    }
    if (comm->workers < comm->size)
        TRY(rest_create(&handles->rest, comm, error));
done:
    return status;
}

enum status comm_check_environment(struct error *error)
{
    return launch_check_cpus(error);
}

enum status comm_start(struct comm *comm, struct error *error)
{
    enum status status;
    cpu_set_t cpus;
    int node_cpus;
    *comm = comm_alone;
    TRY(start_mpi(error));
    TRY(memory_new(&comm->handles, 1, error));
    *comm->handles = (struct comm_handles){.ranks = MPI_COMM_NULL,
                                           .node = MPI_COMM_NULL,
                                           .lane = MPI_COMM_NULL,
                                           .for_libraries = MPI_COMM_NULL,
                                           .workers = MPI_COMM_NULL,
                                           .node_workers = MPI_COMM_NULL};
    TRY(open_handles(comm->handles, error));
    TRY(find_place(comm, error));
    TRY(find_node_cpus(comm, &cpus, &node_cpus, error));
    TRY(comm_find_workers(comm, node_cpus, error));
    /* Ranks that sleep and wake up beside two workers could drive both to the same CPU. */
    if (comm_is_worker(comm) && comm->node_workers < comm->node_size)
        launch_bind(&cpus, comm->node_rank);
done:
    return status;
}

static void close_handle(MPI_Comm *handle)
{
    if (*handle != MPI_COMM_NULL)
        (void)MPI_Comm_free(handle);
}

void comm_forget_workers(struct comm *comm)
{
    rest_destroy(comm->handles->rest);
    comm->handles->rest = NULL;
    close_handle(&comm->handles->node_workers);
    close_handle(&comm->handles->workers);
}

void comm_finish(struct comm *comm)
{
    int started = 0;
    int finished = 0;
    if (MPI_Initialized(&started) != MPI_SUCCESS || MPI_Finalized(&finished) != MPI_SUCCESS || !started ||
        finished)
        return;
    if (comm->handles) {
        comm_forget_workers(comm);
        close_handle(&comm->handles->lane);
        close_handle(&comm->handles->node);
        close_handle(&comm->handles->for_libraries);
        close_handle(&comm->handles->ranks);
        memory_free(comm->handles);
        comm->handles = NULL;
    }
    (void)MPI_Finalize();
}

_Noreturn void comm_abort(const struct comm *comm, enum status status)
{
    if (comm->handles)
        (void)MPI_Abort(MPI_COMM_WORLD, (int)status);
    _exit((int)status);
}

MPI_Comm comm_library_handle(const struct comm *comm)
{
    return comm->handles->for_libraries;
}

enum status comm_broadcast_pieces(const struct comm *comm, void *buffer, size_t bytes, int root, size_t piece,
                                  struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t done_bytes = 0; status == STATUS_OK && done_bytes < bytes; done_bytes += piece) {
        int length = (int)smaller(piece, bytes - done_bytes);
        status = mpi_check(COMM_WAIT(comm, MPI_Bcast((char *)buffer + done_bytes, length, MPI_BYTE, root,
                                                     comm->handles->ranks)),
                           "MPI_Bcast", error);
    }
    return status;
}

enum status comm_broadcast(const struct comm *comm, void *buffer, size_t bytes, int root, struct error *error)
{
    return comm_broadcast_pieces(comm, buffer, bytes, root, COMM_PIECE, error);
}

/* The same bits everywhere: whatever way MPI takes, all ranks get the sums of one tree, or of two that differ
 * only in a + b and b + a. */
static enum status reduce_in(const struct comm *comm, MPI_Comm ranks, void *values, size_t count,
                             MPI_Datatype type, MPI_Op operation, size_t piece, struct error *error)
{
    int element_bytes;
    enum status status = mpi_check(MPI_Type_size(type, &element_bytes), "MPI_Type_size", error);
    for (size_t reduced = 0; status == STATUS_OK && reduced < count; reduced += piece) {
        void *part = (char *)values + reduced * (size_t)element_bytes;
        int length = (int)smaller(piece, count - reduced);
        status = mpi_check(COMM_WAIT(comm, MPI_Allreduce(MPI_IN_PLACE, part, length, type, operation, ranks)),
                           "MPI_Allreduce", error);
    }
    return status;
}

enum status comm_reduce_pieces(const struct comm *comm, void *values, size_t count, MPI_Datatype type,
                               MPI_Op operation, size_t piece, struct error *error)
{
    return reduce_in(comm, comm->handles->ranks, values, count, type, operation, piece, error);
}

enum status comm_sum_f32(const struct comm *comm, float *values, size_t count, struct error *error)
{
    return comm_reduce_pieces(comm, values, count, MPI_FLOAT, MPI_SUM, COMM_PIECE, error);
}

enum status comm_sum_lane_f64(const struct comm *comm, double *values, size_t count, struct error *error)
{
    return reduce_in(comm, comm->handles->lane, values, count, MPI_DOUBLE, MPI_SUM, COMM_PIECE, error);
}

enum status comm_sum_f64(const struct comm *comm, double *values, size_t count, struct error *error)
{
    return comm_reduce_pieces(comm, values, count, MPI_DOUBLE, MPI_SUM, COMM_PIECE, error);
}

enum status comm_sum_u64(const struct comm *comm, uint64_t *values, size_t count, struct error *error)
{
    return comm_reduce_pieces(comm, values, count, MPI_UINT64_T, MPI_SUM, COMM_PIECE, error);
}

enum status comm_or_u64(const struct comm *comm, uint64_t *values, size_t count, struct error *error)
{
    return comm_reduce_pieces(comm, values, count, MPI_UINT64_T, MPI_BOR, COMM_PIECE, error);
}

enum status comm_max_f64(const struct comm *comm, double *values, size_t count, struct error *error)
{
    return comm_reduce_pieces(comm, values, count, MPI_DOUBLE, MPI_MAX, COMM_PIECE, error);
}

/* Gathers `length` bytes of every rank, laid down `stride` bytes apart. */
static enum status gather_strided(const struct comm *comm, const void *mine, size_t length, void *all,
                                  size_t stride, struct error *error)
{
    enum status status;
    MPI_Datatype bytes = MPI_DATATYPE_NULL;
    MPI_Datatype strided = MPI_DATATYPE_NULL;
    TRY(mpi_check(MPI_Type_contiguous((int)length, MPI_BYTE, &bytes), "MPI_Type_contiguous", error));
    TRY(mpi_check(MPI_Type_create_resized(bytes, 0, (MPI_Aint)stride, &strided), "MPI_Type_create_resized",
                  error));
    TRY(mpi_check(MPI_Type_commit(&strided), "MPI_Type_commit", error));
    TRY(mpi_check(
        COMM_WAIT(comm, MPI_Allgather(mine, (int)length, MPI_BYTE, all, 1, strided, comm->handles->ranks)),
        "MPI_Allgather", error));
done:
    if (strided != MPI_DATATYPE_NULL)
        (void)MPI_Type_free(&strided);
    if (bytes != MPI_DATATYPE_NULL)
        (void)MPI_Type_free(&bytes);
    return status;
}

enum status comm_gather_pieces(const struct comm *comm, const void *mine, size_t bytes, void *all,
                               size_t piece, struct error *error)
{
    if (bytes <= piece)
        return mpi_check(COMM_WAIT(comm, MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE,
                                                       comm->handles->ranks)),
                         "MPI_Allgather", error);
    enum status status = STATUS_OK;
    for (size_t gathered = 0; status == STATUS_OK && gathered < bytes; gathered += piece)
        status = gather_strided(comm, (const char *)mine + gathered, smaller(piece, bytes - gathered),
                                (char *)all + gathered, bytes, error);
    return status;
}

enum status comm_gather(const struct comm *comm, const void *mine, size_t bytes, void *all,
                        struct error *error)
{
    return comm_gather_pieces(comm, mine, bytes, all, COMM_PIECE, error);
}

enum status comm_barrier(const struct comm *comm, struct error *error)
{
    return mpi_check(COMM_WAIT(comm, MPI_Barrier(comm->handles->ranks)), "MPI_Barrier", error);
}

static enum status barrier_of_memory(const struct comm *comm, MPI_Comm ranks, struct error *error)
{
    atomic_thread_fence(memory_order_seq_cst);
    enum status status = mpi_check(COMM_WAIT(comm, MPI_Barrier(ranks)), "MPI_Barrier", error);
    atomic_thread_fence(memory_order_seq_cst);
    return status;
}

enum status comm_node_barrier(const struct comm *comm, struct error *error)
{
    return comm->node_size == 1 ? STATUS_OK : barrier_of_memory(comm, comm->handles->node, error);
}

struct range comm_rows(const struct comm *comm, size_t batch_size)
{
    if (!comm_is_worker(comm))
        return (struct range){batch_size, 0};
    return partition_range(batch_size, (size_t)comm->workers, (size_t)comm->worker);
}

void comm_rest(const struct comm *comm)
{
    if (comm->handles && comm->handles->rest)
        rest_until_workers_are_here(comm->handles->rest);
}

enum status comm_workers_node_barrier(const struct comm *comm, struct error *error)
{
    if (!comm_is_worker(comm) || comm->node_workers == 1)
        return STATUS_OK;
    return barrier_of_memory(comm, comm->handles->node_workers, error);
}

static enum status reduce_in_workers(const struct comm *comm, void *values, size_t count, MPI_Datatype type,
                                     MPI_Op operation, struct error *error)
{
    if (!comm_is_worker(comm) || comm->workers == 1)
        return STATUS_OK;
    return reduce_in(comm, comm->handles->workers, values, count, type, operation, COMM_PIECE, error);
}

enum status comm_workers_sum_f64(const struct comm *comm, double *values, size_t count, struct error *error)
{
    return reduce_in_workers(comm, values, count, MPI_DOUBLE, MPI_SUM, error);
}

enum status comm_workers_or_u64(const struct comm *comm, uint64_t *values, size_t count, struct error *error)
{
    return reduce_in_workers(comm, values, count, MPI_UINT64_T, MPI_BOR, error);
}

enum status comm_workers_max_f64(const struct comm *comm, double *values, size_t count, struct error *error)
{
    return reduce_in_workers(comm, values, count, MPI_DOUBLE, MPI_MAX, error);
}

void comm_library(char text[COMM_LIBRARY_BYTES])
{
    char whole[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    if (MPI_Get_library_version(whole, &length) != MPI_SUCCESS)
        whole[0] = '\0';
    whole[strcspn(whole, ",\n")] = '\0';
    snprintf(text, COMM_LIBRARY_BYTES, "%.*s", COMM_LIBRARY_BYTES - 1, whole);
}

void comm_host_name(char name[COMM_HOST_BYTES])
{
    if (gethostname(name, COMM_HOST_BYTES) != 0)
        name[0] = '\0';
    name[COMM_HOST_BYTES - 1] = '\0';
}
