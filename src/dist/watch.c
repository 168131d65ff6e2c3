/* One stall, as the threads see it:
 *
 *     0                     timeout - window        timeout     + deference      + patience
 *     the step begins ......... hosts ask each other .. the speaker ... another one ... all others
 *                                                       speaks          speaks          leave
 *
 * 1. A rank's clock of its step is advanced by its own thread, by no more than two beats at once: a thread
 *    that did not run knows nothing of that time.
 * 2. Whoever is heard has beaten within half a window. A stopped process has no beat, and a host cut off
 *    brings none.
 * 3. The lowest rank that is heard speaks. Where it is cut off from the host of rank 0, it leaves that host
 *    the first word: if mpirun hears both sides, rank 0's error ends them all.
 * 4. A rank leaves by _exit. mpirun and srun take that for the end of the whole job, and it needs nothing of
 *    an MPI that is blocked. */

#include "lstm_mpi/dist/watch.h"

#include "comm_private.h"
#include "letters.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "mpi_check.h"
#include "roll.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    LONGEST_WINDOW = 5000,
    BEATS_A_WINDOW = 10,
    SHORTEST_BEAT = 10,
    DEFERENCE = 5000,
    PATIENCE = 30000,
    ANNOUNCEMENTS = 3, /* that this rank tells the error: letters get lost */
    GREETINGS = 20,    /* beats on which hosts that were not heard of yet are asked */
};

struct watch {
    const struct comm *comm;
    struct watch_spec spec;
    struct comm_shared *shared;
    struct roll roll;
    struct letters letters;
    pthread_t thread;
    bool thread_runs;
    int end_event;
    int64_t beat; /* milliseconds between two */
    int64_t beaten_at;
    int64_t stalled;
    uint64_t steps; /* at the last beat */
    int attempts;   /* to ask */
};

static int64_t milliseconds(void)
{
    return (int64_t)(1e3 * clock_seconds());
}

void watch_step(const struct comm *comm, int stage, uint64_t number)
{
    if (!comm->handles)
        return;
    atomic_store_explicit(&comm->handles->position.at, roll_position(stage, number), memory_order_relaxed);
    watch_go_on(comm);
}

void watch_go_on(const struct comm *comm)
{
    if (!comm->handles)
        return;
    _Atomic uint64_t *count = &comm->handles->position.steps;
    uint64_t steps = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, steps + 1, memory_order_relaxed);
}

/* Enters this rank into the roll. */
static void beat(struct watch *watch, int64_t now)
{
    const struct comm_position *position = &watch->comm->handles->position;
    struct roll_member *me = &watch->roll.members[watch->comm->rank];
    uint64_t steps = atomic_load(&position->steps);
    int64_t elapsed = now - watch->beaten_at;
    if (steps != watch->steps)
        watch->stalled = 0;
    else
        watch->stalled += elapsed < 2 * watch->beat ? elapsed : 2 * watch->beat;
    watch->steps = steps;
    watch->beaten_at = now;
    atomic_store(&me->at, atomic_load(&position->at));
    atomic_store(&me->waiting, atomic_load(&position->waiting));
    atomic_store(&me->stalled, watch->stalled);
    atomic_store(&me->heard_at, now);
}

/* One rank of a node asks for all of it. */
static bool asks_for_node(const struct watch *watch, int64_t now)
{
    const struct roll *roll = &watch->roll;
    int node = roll->members[roll->rank].place.node;
    for (int rank = node; rank < roll->rank; rank++) {
        if (roll->members[rank].place.node == node && roll_is_heard(roll, rank, now))
            return false;
    }
    return true;
}

static bool all_were_heard(const struct watch *watch)
{
    for (int rank = 0; rank < watch->roll.size; rank++) {
        if (atomic_load(&watch->roll.members[rank].heard_at) == 0)
            return false;
    }
    return true;
}

static void ask(struct watch *watch, int64_t now)
{
    const struct roll *roll = &watch->roll;
    bool late = roll_longest_stall(roll, now) >= roll->timeout - roll->window;
    bool greets = watch->attempts < GREETINGS && !all_were_heard(watch);
    if ((late || greets) && asks_for_node(watch, now))
        letters_ask(&watch->letters, watch->attempts++, now);
}

/* Tells the error on this rank, after the others know that it does. */
static void speak(struct watch *watch, const struct error *error, int64_t now)
{
    atomic_store(&watch->roll.members[watch->comm->rank].spoke, true);
    for (int attempt = 0; watch->comm->nodes > 1 && attempt < ANNOUNCEMENTS; attempt++)
        letters_ask(&watch->letters, attempt, now);
    if (watch->spec.stalled)
        watch->spec.stalled(watch->spec.context, error);
}

/* Ends this process if it is its turn. */
static void judge(struct watch *watch, int64_t now)
{
    const struct roll *roll = &watch->roll;
    enum roll_finding finding = roll_judge(roll, now);
    if (finding == ROLL_GOES_ON)
        return;
    int64_t overdue = roll_longest_stall(roll, now) - roll->timeout;
    bool speaks = roll_is_speaker(roll, now);
    int64_t patience = !speaks ? PATIENCE : roll_sees_first_host(roll, now) ? 0 : DEFERENCE;
    if (overdue < patience)
        return;
    struct error error;
    roll_describe(&error, roll, finding, now);
    if (speaks)
        speak(watch, &error, now);
    _exit((int)error.status);
}

static void *run(void *argument)
{
    struct watch *watch = argument;
    for (;;) {
        struct pollfd events[] = {{.fd = watch->end_event, .events = POLLIN},
                                  {.fd = watch->letters.socket, .events = POLLIN}};
        (void)poll(events, 2, (int)watch->beat);
        if (events[0].revents)
            return NULL;
        int64_t now = milliseconds();
        letters_receive(&watch->letters, now);
        if (now - watch->beaten_at < watch->beat)
            continue;
        beat(watch, now);
        if (watch->comm->nodes > 1)
            ask(watch, now);
        judge(watch, now);
    }
}

/* Signals are for the thread that trains. */
static enum status start_thread(struct watch *watch, struct error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    watch->end_event = eventfd(0, EFD_CLOEXEC);
    if (watch->end_event < 0)
        return error_system(error, errno, "cannot make an event for the watch");
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error_number = pthread_create(&watch->thread, NULL, run, watch);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error_number != 0)
        return error_system(error, error_number, "cannot start the thread of the watch");
    watch->thread_runs = true;
    return STATUS_OK;
}

static void set_times(struct watch *watch)
{
    static const double longest_seconds = 1e9;
    double seconds = watch->spec.timeout_seconds;
    struct roll *roll = &watch->roll;
    roll->timeout = (int64_t)(1e3 * (seconds < longest_seconds ? seconds : longest_seconds));
    roll->window = roll->timeout / 2 < LONGEST_WINDOW ? roll->timeout / 2 : LONGEST_WINDOW;
    watch->beat = roll->window / BEATS_A_WINDOW;
    if (watch->beat < SHORTEST_BEAT)
        watch->beat = SHORTEST_BEAT;
    roll->freshness = watch->beat * (BEATS_A_WINDOW / 2);
}

/* Opens the letters, and tells of this rank what the others need to know. */
static enum status find_place(struct roll_place *place, struct watch *watch, struct error *error)
{
    enum status status;
    const struct comm *comm = watch->comm;
    char host[COMM_HOST_BYTES];
    comm_host_name(host);
    *place =
        (struct roll_place){.node = comm->rank, .node_rank = comm->node_rank, .node_size = comm->node_size};
    memcpy(place->host, host, strnlen(host, ROLL_HOST_BYTES - 1));
    if (comm->nodes > 1)
        letters_open(&watch->letters, &place->door);
    TRY(mpi_check(COMM_WAIT(comm, MPI_Bcast(&place->node, 1, MPI_INT, 0, comm->handles->node)), "MPI_Bcast",
                  error));
    if (comm->rank == 0 && getrandom(&watch->letters.key, sizeof watch->letters.key, 0) < 0)
        watch->letters.key = (uint64_t)milliseconds();
    TRY(comm_broadcast(comm, &watch->letters.key, sizeof watch->letters.key, 0, error));
done:
    return status;
}

static enum status make_roll(struct watch *watch, struct error *error)
{
    enum status status;
    const struct comm *comm = watch->comm;
    struct roll *roll = &watch->roll;
    struct roll_place *places = NULL;
    struct roll_place mine;
    void *memory;
    *roll = (struct roll){.size = comm->size, .rank = comm->rank, .stages = watch->spec.stages};
    TRY(comm_shared_allocate(&watch->shared, &memory, comm, (size_t)comm->size * sizeof *roll->members,
                             error));
    roll->members = memory;
    TRY(agree_on_status(comm, memory_new(&places, (size_t)comm->size, error), error));
    TRY(find_place(&mine, watch, error));
    TRY(comm_gather(comm, &mine, sizeof mine, places, error));
    for (int rank = 0; comm->node_rank == 0 && rank < comm->size; rank++)
        roll->members[rank].place = places[rank];
    TRY(comm_node_barrier(comm, error));
done:
    memory_free(places);
    return status;
}

/* Before any rank goes on: one that is stopped before its thread first beats was there all the same, for this
 * host and for the others. */
static enum status enter_all(struct watch *watch, struct error *error)
{
    enum status status;
    watch->beaten_at = milliseconds();
    beat(watch, watch->beaten_at);
    TRY(comm_node_barrier(watch->comm, error));
    if (watch->comm->nodes > 1)
        ask(watch, watch->beaten_at);
done:
    return status;
}

enum status watch_start(struct watch **out, const struct comm *comm, const struct watch_spec *spec,
                        struct error *error)
{
    enum status status = STATUS_OK;
    struct watch *watch = NULL;
    if (spec->timeout_seconds <= 0)
        goto done;
    TRY(agree_on_status(comm, memory_new(&watch, 1, error), error));
    *watch = (struct watch){
        .comm = comm, .spec = *spec, .end_event = -1, .letters = {.roll = &watch->roll, .socket = -1}};
    TRY(make_roll(watch, error));
    set_times(watch);
    TRY(enter_all(watch, error));
    TRY(agree_on_status(comm, start_thread(watch, error), error));
done:
    if (status != STATUS_OK) {
        watch_end(watch);
        watch = NULL;
    }
    *out = watch;
    return status;
}

void watch_end(struct watch *watch)
{
    if (!watch)
        return;
    if (watch->thread_runs) {
        (void)eventfd_write(watch->end_event, 1);
        (void)pthread_join(watch->thread, NULL);
    }
    if (watch->end_event >= 0)
        (void)close(watch->end_event);
    letters_close(&watch->letters);
    comm_shared_free(watch->shared);
    memory_free(watch);
}
