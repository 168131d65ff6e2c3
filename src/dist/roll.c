#include "roll.h"

#include "lstm_mpi/base/plural.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STAGE_BITS = 8 };

uint64_t roll_position(int stage, uint64_t number)
{
    return number << STAGE_BITS | (uint64_t)stage;
}

/* What a rank is to those who look. Ranks that are late come before those that are not, the surest first. */
static enum roll_finding state_of(const struct roll *roll, int rank, int64_t now)
{
    const struct roll_member *member = &roll->members[rank];
    int64_t heard_at = atomic_load(&member->heard_at);
    if (heard_at == 0)
        return ROLL_UNKNOWN;
    if (now - heard_at > roll->freshness)
        return ROLL_SILENT;
    return atomic_load(&member->waiting) ? ROLL_WAITING : ROLL_BUSY;
}

bool roll_is_heard(const struct roll *roll, int rank, int64_t now)
{
    enum roll_finding state = state_of(roll, rank, now);
    return state == ROLL_WAITING || state == ROLL_BUSY;
}

int64_t roll_longest_stall(const struct roll *roll, int64_t now)
{
    int64_t longest = 0;
    for (int rank = 0; rank < roll->size; rank++) {
        int64_t stalled = atomic_load(&roll->members[rank].stalled);
        if (stalled > longest && roll_is_heard(roll, rank, now))
            longest = stalled;
    }
    return longest;
}

bool roll_is_speaker(const struct roll *roll, int64_t now)
{
    for (int rank = 0; rank < roll->size; rank++) {
        if (atomic_load(&roll->members[rank].spoke) || (rank < roll->rank && roll_is_heard(roll, rank, now)))
            return false;
    }
    return true;
}

bool roll_sees_first_host(const struct roll *roll, int64_t now)
{
    for (int rank = 0; rank < roll->size; rank++) {
        if (roll->members[rank].place.node == roll->members[0].place.node && roll_is_heard(roll, rank, now))
            return true;
    }
    return false;
}

enum roll_finding roll_judge(const struct roll *roll, int64_t now)
{
    int count[ROLL_WAITING + 1] = {0};
    int64_t shortest[ROLL_WAITING + 1];
    for (int state = 0; state <= ROLL_WAITING; state++)
        shortest[state] = INT64_MAX;
    for (int rank = 0; rank < roll->size; rank++) {
        enum roll_finding state = state_of(roll, rank, now);
        int64_t stalled = atomic_load(&roll->members[rank].stalled);
        count[state]++;
        if (stalled < shortest[state])
            shortest[state] = stalled;
    }
    if (roll_longest_stall(roll, now) < roll->timeout)
        return ROLL_GOES_ON;
    if (count[ROLL_SILENT] > 0)
        return ROLL_SILENT;
    if (count[ROLL_BUSY] > 0)
        return shortest[ROLL_BUSY] + roll->window < roll->timeout ? ROLL_GOES_ON : ROLL_BUSY;
    if (count[ROLL_UNKNOWN] > 0)
        return ROLL_UNKNOWN;
    return shortest[ROLL_WAITING] + roll->window < roll->timeout ? ROLL_GOES_ON : ROLL_WAITING;
}

struct text {
    char bytes[ERROR_TEXT_BYTES];
    size_t length;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(text->bytes + text->length, sizeof text->bytes - text->length, format, arguments);
    va_end(arguments);
    if (added > 0)
        text->length += (size_t)added;
    if (text->length >= sizeof text->bytes)
        text->length = sizeof text->bytes - 1;
}

static const char *host_of(const struct roll *roll, int rank)
{
    const char *host = roll->members[rank].place.host;
    return host[0] ? host : "a host without a name";
}

/* "rank 2 on h1" or "ranks 2-4, 7 on h2": those of one node that are in `state`. Returns how many. */
static int name_node(struct text *text, const struct roll *roll, int node, enum roll_finding state,
                     int64_t now)
{
    struct text ranks = {0};
    int count = 0;
    int first = -1; /* of the run of neighbours under way */
    for (int rank = 0; rank <= roll->size; rank++) {
        bool is_one =
            rank < roll->size && roll->members[rank].place.node == node && state_of(roll, rank, now) == state;
        if (is_one && first < 0) {
            first = rank;
            add(&ranks, "%s%d", count > 0 ? ", " : "", rank);
        } else if (!is_one && first >= 0) {
            if (rank - 1 > first)
                add(&ranks, "-%d", rank - 1);
            first = -1;
        }
        count += is_one;
    }
    if (count > 0)
        add(text, "%srank%s %s on %s", text->length > 0 ? " and " : "", plural((uint64_t)count), ranks.bytes,
            host_of(roll, node));
    return count;
}

/* All that are in `state`, as many as fit. Returns how many there are. */
static int name_all(struct text *text, const struct roll *roll, enum roll_finding state, int64_t now)
{
    enum { MOST_BYTES = ERROR_TEXT_BYTES / 2 };
    int count = 0;
    int named = 0;
    for (int rank = 0; rank < roll->size; rank++)
        count += state_of(roll, rank, now) == state;
    for (int rank = 0; rank < roll->size && text->length < MOST_BYTES; rank++) {
        if (roll->members[rank].place.node == rank)
            named += name_node(text, roll, rank, state, now);
    }
    if (named < count)
        add(text, " and %d more", count - named);
    return count;
}

static bool node_is_heard(const struct roll *roll, int node, int64_t now)
{
    for (int rank = node; rank < roll->size; rank++) {
        if (roll->members[rank].place.node == node && roll_is_heard(roll, rank, now))
            return true;
    }
    return false;
}

/* Every silent rank is on a host of which others are heard. */
static bool hosts_are_there(const struct roll *roll, int64_t now)
{
    for (int rank = 0; rank < roll->size; rank++) {
        if (state_of(roll, rank, now) == ROLL_SILENT &&
            !node_is_heard(roll, roll->members[rank].place.node, now))
            return false;
    }
    return true;
}

/* What it is that does not end: what the first of the late ranks is at, or where those who look stand. */
static void name_stage(struct error *error, const struct roll *roll, enum roll_finding finding, int64_t now)
{
    int at_it = roll->rank;
    for (int rank = 0; finding == ROLL_BUSY && rank < roll->size; rank++) {
        if (state_of(roll, rank, now) == ROLL_BUSY) {
            at_it = rank;
            break;
        }
    }
    uint64_t at = atomic_load(&roll->members[at_it].at);
    const char *stage = roll->stages[at & ((1U << STAGE_BITS) - 1)];
    uint64_t number = at >> STAGE_BITS;
    double seconds = 1e-3 * (double)roll->timeout;
    if (number > 0)
        error_set(error, STATUS_FAILED, "%s %" PRIu64 " takes longer than %g s", stage, number, seconds);
    else
        error_set(error, STATUS_FAILED, "%s takes longer than %g s", stage, seconds);
}

void roll_describe(struct error *error, const struct roll *roll, enum roll_finding finding, int64_t now)
{
    struct text late = {0};
    int count = name_all(&late, roll, finding, now);
    const char *does = count == 1 ? "does" : "do";
    const char *is = count == 1 ? "is" : "are";
    name_stage(error, roll, finding, now);
    switch (finding) {
    case ROLL_SILENT:
        if (hosts_are_there(roll, now))
            error_why(error, "%s %s not run any more, as if stopped by a signal", late.bytes, does);
        else
            error_why(error, "%s %s not answer, stopped or cut off from %s", late.bytes, does,
                      host_of(roll, roll->rank));
        break;
    case ROLL_BUSY:
        error_why(error, "%s %s still at it", late.bytes, is);
        break;
    case ROLL_UNKNOWN:
        error_why(error, "%s cannot be asked from %s, and all others wait", late.bytes,
                  host_of(roll, roll->rank));
        break;
    case ROLL_WAITING:
    case ROLL_GOES_ON:
        error_why(error, "%s wait for each other", late.bytes);
        break;
    }
    error_remedy(error, "--resume goes on from the last checkpoint, --stall-timeout sets the time");
}
