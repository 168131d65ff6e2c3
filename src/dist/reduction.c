#include "lstm_mpi/dist/reduction.h"

#include "comm_private.h"
#include "lane.h"
#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "mpi_check.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

struct reduction {
    const struct comm *comm;
    size_t stride; /* floats between the buffers of a node */
    struct comm_shared *shared;
    float *buffers;    /* [node_workers][stride] */
    struct lane *lane; /* NULL on a single node */
    size_t most_ranges;
    struct range *parts;   /* [most_ranges]: this rank's part of each range that was begun */
    MPI_Request *arrivals; /* [most_ranges]: all ranks of the node have begun it */
    size_t begun;
    size_t summed;
    bool in_lane; /* the first one that is not summed yet */
    enum status status;
    struct error error; /* the first one since the last reduction_finish */
};

/* So many sums at a time that they stay in the L1 cache while the ranks' buffers are added. */
enum { SUM_FLOATS = 2048 };

static size_t lines_of(size_t floats)
{
    return divide_up(floats, MEMORY_LINE_FLOATS);
}

enum status reduction_create(struct reduction **out, const struct comm *comm, size_t capacity,
                             size_t most_ranges, struct error *error)
{
    enum status status;
    struct reduction *reduction = NULL;
    void *memory;
    TRY(memory_new(&reduction, 1, error));
    reduction->comm = comm;
    reduction->stride = lines_of(capacity) * MEMORY_LINE_FLOATS;
    reduction->most_ranges = most_ranges;
    TRY(memory_new(&reduction->parts, most_ranges, error));
    TRY(memory_allocate(&reduction->arrivals, most_ranges, sizeof(MPI_Request), error));
    if (comm->nodes > 1)
        TRY(lane_create(&reduction->lane, comm, error));
done:
    status = agree_on_status(comm, status, error);
    if (status == STATUS_OK) {
        status = comm_shared_allocate(&reduction->shared, &memory, comm,
                                      (size_t)comm->node_workers * reduction->stride * sizeof(float), error);
        reduction->buffers = memory;
    }
    if (status != STATUS_OK) {
        reduction_destroy(reduction);
        reduction = NULL;
    }
    *out = reduction;
    return status;
}

void reduction_destroy(struct reduction *reduction)
{
    if (!reduction)
        return;
    comm_shared_free(reduction->shared);
    lane_destroy(reduction->lane);
    memory_free(reduction->arrivals);
    memory_free(reduction->parts);
    memory_free(reduction);
}

size_t reduction_bytes(const struct reduction *reduction)
{
    size_t buffer = comm_is_worker(reduction->comm) ? reduction->stride * sizeof(float) : 0;
    return buffer + (reduction->lane ? lane_bytes() : 0);
}

static float *buffer_of(const struct reduction *reduction, int node_rank)
{
    return reduction->buffers + (size_t)node_rank * reduction->stride;
}

float *reduction_buffer(struct reduction *reduction)
{
    const struct comm *comm = reduction->comm;
    return comm_is_worker(comm) ? buffer_of(reduction, comm->node_rank) : NULL;
}

/* Parts begin where cache lines begin. */
static struct range part_of(const struct comm *comm, struct range range)
{
    if (comm->node_rank >= comm->least_node_workers)
        return (struct range){range.first, 0};
    struct range lines =
        partition_range(lines_of(range.count), (size_t)comm->least_node_workers, (size_t)comm->node_rank);
    size_t first = lines.first * MEMORY_LINE_FLOATS;
    size_t left = first < range.count ? range.count - first : 0;
    size_t most = lines.count * MEMORY_LINE_FLOATS;
    return (struct range){range.first + first, left < most ? left : most};
}

static void sum_node(const struct reduction *reduction, struct range part)
{
    const struct comm *comm = reduction->comm;
    float *own = buffer_of(reduction, comm->node_rank);
    for (size_t first = part.first; first < part.first + part.count; first += SUM_FLOATS) {
        size_t left = part.first + part.count - first;
        size_t count = left < SUM_FLOATS ? left : SUM_FLOATS;
        float sums[SUM_FLOATS];
        memcpy(sums, buffer_of(reduction, 0) + first, count * sizeof *sums);
        for (int node_rank = 1; node_rank < comm->node_workers; node_rank++) {
            const float *terms = buffer_of(reduction, node_rank) + first;
            for (size_t i = 0; i < count; i++)
                sums[i] += terms[i];
        }
        memcpy(own + first, sums, count * sizeof *sums);
    }
}

static enum status arrive(struct reduction *reduction, MPI_Request *arrival)
{
    *arrival = MPI_REQUEST_NULL;
    if (!reduction->lane || reduction->comm->node_workers == 1)
        return STATUS_OK;
    atomic_thread_fence(memory_order_seq_cst);
    return mpi_check(MPI_Ibarrier(reduction->comm->handles->node_workers, arrival), "MPI_Ibarrier",
                     &reduction->error);
}

void reduction_begin(struct reduction *reduction, struct range range)
{
    assert(reduction->begun < reduction->most_ranges && range.first % MEMORY_LINE_FLOATS == 0);
    reduction->parts[reduction->begun] = part_of(reduction->comm, range);
    if (reduction->status == STATUS_OK)
        reduction->status = arrive(reduction, &reduction->arrivals[reduction->begun]);
    reduction->begun++;
}

/* The next range enters the lane when the whole node has begun it. */
static enum status enter_lane(struct reduction *reduction, bool wait, struct error *error)
{
    enum status status;
    int arrived = true;
    MPI_Request *arrival = &reduction->arrivals[reduction->summed];
    if (wait)
        TRY(mpi_check(COMM_WAIT(reduction->comm, MPI_Wait(arrival, MPI_STATUS_IGNORE)), "MPI_Wait", error));
    else
        TRY(mpi_check(MPI_Test(arrival, &arrived, MPI_STATUS_IGNORE), "MPI_Test", error));
    if (arrived) {
        struct range part = reduction->parts[reduction->summed];
        atomic_thread_fence(memory_order_seq_cst);
        if (reduction->comm->node_workers > 1)
            sum_node(reduction, part);
        lane_begin(reduction->lane, reduction_buffer(reduction) + part.first, part.count);
    }
    reduction->in_lane = arrived;
done:
    return status;
}

static enum status sum_between_nodes(struct reduction *reduction, bool wait, struct error *error)
{
    enum status status = STATUS_OK;
    for (bool done = true; done && reduction->summed < reduction->begun;) {
        if (!reduction->in_lane)
            TRY(enter_lane(reduction, wait, error));
        done = false;
        if (reduction->in_lane)
            TRY(lane_continue(reduction->lane, wait, &done, error));
        if (done) {
            reduction->in_lane = false;
            reduction->summed++;
        }
    }
done:
    return status;
}

static enum status sum_on_the_only_node(struct reduction *reduction, struct error *error)
{
    if (reduction->comm->node_workers == 1)
        return STATUS_OK;
    enum status status = comm_workers_node_barrier(reduction->comm, error);
    for (size_t i = 0; status == STATUS_OK && i < reduction->begun; i++)
        sum_node(reduction, reduction->parts[i]);
    return status;
}

void reduction_continue(struct reduction *reduction)
{
    if (reduction->lane && reduction->status == STATUS_OK)
        reduction->status = sum_between_nodes(reduction, false, &reduction->error);
}

enum status reduction_finish(struct reduction *reduction, struct reduction_parts *parts, struct error *error)
{
    enum status status = reduction->status;
    if (status != STATUS_OK)
        *error = reduction->error;
    else if (reduction->lane)
        status = sum_between_nodes(reduction, true, error);
    else
        status = sum_on_the_only_node(reduction, error);
    *parts = (struct reduction_parts){reduction->parts, reduction->begun};
    reduction->begun = 0;
    reduction->summed = 0;
    return status;
}
