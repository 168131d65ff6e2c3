#include "lstm_mpi/dist/reduction.h"

#include "comm_private.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "mpi_check.h"

#include <string.h>

struct reduction {
    const struct comm *comm;
    size_t stride; /* floats between the buffers of a node */
    struct comm_shared *shared;
    float *buffers; /* [node_size][stride] */
};

/* Parts begin where cache lines begin. */
enum { LINE_FLOATS = MEMORY_ALIGNMENT / sizeof(float) };

/* So many sums at a time that they stay in the first cache while the ranks' buffers are added. */
enum { SUM_FLOATS = 2048 };

static size_t lines_of(size_t floats)
{
    return (floats + LINE_FLOATS - 1) / LINE_FLOATS;
}

enum status reduction_create(struct reduction **out, const struct comm *comm, size_t capacity,
                             struct error *error)
{
    enum status status;
    struct reduction *reduction = NULL;
    void *memory;
    TRY(memory_new(&reduction, 1, error));
    reduction->comm = comm;
    reduction->stride = lines_of(capacity) * LINE_FLOATS;
    TRY(comm_shared_allocate(&reduction->shared, &memory, comm,
                             (size_t)comm->node_size * reduction->stride * sizeof(float), error));
    reduction->buffers = memory;
done:
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
    memory_free(reduction);
}

size_t reduction_capacity(const struct reduction *reduction)
{
    return reduction->stride;
}

static float *buffer_of(const struct reduction *reduction, int node_rank)
{
    return reduction->buffers + (size_t)node_rank * reduction->stride;
}

float *reduction_buffer(struct reduction *reduction)
{
    return buffer_of(reduction, reduction->comm->node_rank);
}

static struct range part_of(const struct comm *comm, size_t count)
{
    if (comm->node_rank >= comm->smallest_node)
        return (struct range){count, 0};
    struct range lines =
        partition_range(lines_of(count), (size_t)comm->smallest_node, (size_t)comm->node_rank);
    size_t first = lines.first * LINE_FLOATS;
    size_t end = (lines.first + lines.count) * LINE_FLOATS;
    return (struct range){first, (end < count ? end : count) - first};
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
        for (int node_rank = 1; node_rank < comm->node_size; node_rank++) {
            const float *terms = buffer_of(reduction, node_rank) + first;
            for (size_t i = 0; i < count; i++)
                sums[i] += terms[i];
        }
        memcpy(own + first, sums, count * sizeof *sums);
    }
}

enum status reduction_sum(struct reduction *reduction, size_t count, struct range *part, struct error *error)
{
    enum status status = STATUS_OK;
    const struct comm *comm = reduction->comm;
    *part = part_of(comm, count);
    if (comm->node_size > 1) {
        TRY(comm_node_barrier(comm, error));
        sum_node(reduction, *part);
    }
    if (comm->nodes > 1 && part->count > 0)
        TRY(comm_sum_lane(comm, reduction_buffer(reduction) + part->first, part->count, error));
done:
    return status;
}
