#include "rest.h"

#include "comm_private.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"

#include <errno.h>
#include <semaphore.h>

/* In memory that the node shares. */
struct shared_rest {
    _Atomic uint64_t arrived; /* workers, in all calls together */
    sem_t wakers[];           /* of each rank that is no worker */
};

struct rest {
    const struct comm *comm;
    struct comm_shared *shared;
    struct shared_rest *here;
    uint64_t calls;
    bool has_waker;
};

static sem_t *own_waker(const struct rest *rest)
{
    return &rest->here->wakers[rest->comm->node_rank - rest->comm->node_workers];
}

static enum status make_waker(struct rest *rest, struct error *error)
{
    if (comm_is_worker(rest->comm))
        return STATUS_OK;
    if (sem_init(own_waker(rest), 1, 0) != 0)
        return error_system(error, errno, "cannot make a semaphore");
    rest->has_waker = true;
    return STATUS_OK;
}

enum status rest_create(struct rest **out, const struct comm *comm, struct error *error)
{
    enum status status;
    struct rest *rest = NULL;
    void *memory;
    size_t wakers = (size_t)(comm->node_size - comm->node_workers);
    TRY(agree_on_status(comm, memory_new(&rest, 1, error), error));
    rest->comm = comm;
    TRY(comm_shared_allocate(&rest->shared, &memory, comm, sizeof *rest->here + wakers * sizeof(sem_t),
                             error));
    rest->here = memory;
    TRY(agree_on_status(comm, make_waker(rest, error), error));
done:
    if (status != STATUS_OK) {
        rest_destroy(rest);
        rest = NULL;
    }
    *out = rest;
    return status;
}

void rest_destroy(struct rest *rest)
{
    if (!rest)
        return;
    if (rest->has_waker)
        (void)sem_destroy(own_waker(rest));
    comm_shared_free(rest->shared);
    memory_free(rest);
}

static void wake_all(const struct rest *rest)
{
    for (int i = 0; i < rest->comm->node_size - rest->comm->node_workers; i++)
        (void)sem_post(&rest->here->wakers[i]);
}

static void sleep_until_woken(const struct rest *rest)
{
    while (COMM_WAIT(rest->comm, sem_wait(own_waker(rest))) != 0 && errno == EINTR) {
        /* a signal, which is looked at when work goes on */
    }
}

void rest_until_workers_are_here(struct rest *rest)
{
    rest->calls++;
    if (!comm_is_worker(rest->comm))
        sleep_until_woken(rest);
    else if (atomic_fetch_add(&rest->here->arrived, 1) + 1 ==
             rest->calls * (uint64_t)rest->comm->node_workers)
        wake_all(rest);
}
