#include "lstm_mpi/dist/exact_reduction.h"

#include "comm_private.h"
#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"

struct exact_reduction {
    const struct comm *comm;
    size_t stride; /* doubles between the buffers of a node */
    struct comm_shared *shared;
    double *buffers; /* [node_workers][stride] */
    float *rounded;  /* [largest part] */
};

enum { BLOCK = EXACT_REDUCTION_BLOCK };

static size_t blocks_of(size_t count)
{
    return divide_up(count, BLOCK);
}

static size_t largest_part(const struct comm *comm, size_t stride)
{
    if (comm->node_rank >= comm->least_node_workers)
        return 0;
    return partition_range(blocks_of(stride), (size_t)comm->least_node_workers, 0).count * BLOCK;
}

enum status exact_reduction_create(struct exact_reduction **out, const struct comm *comm, size_t capacity,
                                   struct error *error)
{
    enum status status;
    struct exact_reduction *reduction = NULL;
    void *memory;
    TRY(agree_on_status(comm, memory_new(&reduction, 1, error), error));
    reduction->comm = comm;
    reduction->stride = blocks_of(capacity) * BLOCK;
    TRY(agree_on_status(comm, memory_new(&reduction->rounded, largest_part(comm, reduction->stride), error),
                        error));
    TRY(comm_shared_allocate(&reduction->shared, &memory, comm,
                             (size_t)comm->node_workers * reduction->stride * sizeof(double), error));
    reduction->buffers = memory;
done:
    if (status != STATUS_OK) {
        exact_reduction_destroy(reduction);
        reduction = NULL;
    }
    *out = reduction;
    return status;
}

void exact_reduction_destroy(struct exact_reduction *reduction)
{
    if (!reduction)
        return;
    comm_shared_free(reduction->shared);
    memory_free(reduction->rounded);
    memory_free(reduction);
}

size_t exact_reduction_bytes(const struct exact_reduction *reduction)
{
    size_t buffer = comm_is_worker(reduction->comm) ? reduction->stride * sizeof(double) : 0;
    return buffer + largest_part(reduction->comm, reduction->stride) * sizeof(float);
}

static double *buffer_of(const struct exact_reduction *reduction, int node_rank)
{
    return reduction->buffers + (size_t)node_rank * reduction->stride;
}

double *exact_reduction_buffer(const struct exact_reduction *reduction)
{
    const struct comm *comm = reduction->comm;
    return comm_is_worker(comm) ? buffer_of(reduction, comm->node_rank) : NULL;
}

struct range exact_reduction_part(const struct exact_reduction *reduction, size_t count)
{
    const struct comm *comm = reduction->comm;
    if (comm->node_rank >= comm->least_node_workers)
        return (struct range){count, 0};
    struct range blocks =
        partition_range(blocks_of(count), (size_t)comm->least_node_workers, (size_t)comm->node_rank);
    size_t first = blocks.first * BLOCK;
    size_t end = (blocks.first + blocks.count) * BLOCK;
    first = first < count ? first : count;
    return (struct range){first, (end < count ? end : count) - first};
}

/* own += other, in blocks that stay in the L1 cache while the buffers of the node are added. */
static void sum_node(const struct exact_reduction *reduction, struct range range)
{
    int ranks = reduction->comm->node_workers;
    int own_rank = reduction->comm->node_rank;
    for (size_t first = range.first; first < range.first + range.count; first += BLOCK) {
        size_t left = range.first + range.count - first;
        size_t count = left < BLOCK ? left : BLOCK;
        double *restrict own = buffer_of(reduction, own_rank) + first;
        for (int i = 1; i < ranks; i++) {
            const double *restrict other = buffer_of(reduction, (own_rank + i) % ranks) + first;
            for (size_t k = 0; k < count; k++)
                own[k] += other[k];
        }
    }
}

enum status exact_reduction_begin(const struct exact_reduction *reduction, struct error *error)
{
    return comm_workers_node_barrier(reduction->comm, error);
}

enum status exact_reduction_sum(const struct exact_reduction *reduction, struct range range,
                                struct error *error)
{
    const struct comm *comm = reduction->comm;
    sum_node(reduction, range);
    if (comm->nodes == 1 || range.count == 0)
        return STATUS_OK;
    return comm_sum_lane_f64(comm, exact_reduction_buffer(reduction) + range.first, range.count, error);
}

const float *exact_reduction_round(struct exact_reduction *reduction, struct range part)
{
    const double *sums = exact_reduction_buffer(reduction) + part.first;
    for (size_t i = 0; i < part.count; i++)
        reduction->rounded[i] = (float)sums[i];
    return reduction->rounded;
}
