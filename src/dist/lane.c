#include "lane.h"

#include "comm_private.h"
#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/smaller.h"
#include "mpi_check.h"
#include "zero_blocks.h"

#include <stdint.h>

/* Four messages of 64 KiB under way each way keep a network busy while somebody waits for them; while the
 * ranks compute, and look after them between the steps, it takes more. Of shorter ones, as there are among
 * many nodes, more are needed. */
enum { SHARE_FLOATS = 1 << 14, UNDER_WAY_FLOATS = 12 * SHARE_FLOATS, ROUNDS_UNDER_WAY = 64 };

/* The messages under way one way, with a few words more for the bits of each. */
enum { BUFFER_WORDS = UNDER_WAY_FLOATS / 2 + 4 * ROUNDS_UNDER_WAY };

enum { SENT, RECEIVED, DIRECTIONS };

struct lane {
    const struct comm *comm; /* a view */
    MPI_Comm ranks;
    size_t size;
    size_t rank;
    float *values;
    size_t count;
    size_t blocks;
    size_t ahead;       /* so many blocks are collected before the first is given */
    size_t share_words; /* of the longest message, in the buffers */
    size_t under_way;   /* so many rounds at a time */
    size_t rounds;
    size_t begun;
    size_t ended;
    MPI_Request requests[ROUNDS_UNDER_WAY][DIRECTIONS];
    uint64_t *buffers[DIRECTIONS]; /* [BUFFER_WORDS] */
};

struct round {
    bool gives; /* else it collects */
    size_t block;
    size_t to;
    size_t from;
    size_t needs; /* so many rounds must have ended before it begins */
};

enum status lane_create(struct lane **out, const struct comm *comm, struct error *error)
{
    enum status status;
    struct lane *lane = NULL;
    int rank;
    TRY(memory_new(&lane, 1, error));
    lane->comm = comm;
    lane->ranks = comm->handles->lane;
    lane->size = (size_t)comm->nodes;
    TRY(mpi_check(MPI_Comm_rank(lane->ranks, &rank), "MPI_Comm_rank", error));
    lane->rank = (size_t)rank;
    for (int direction = 0; direction < DIRECTIONS; direction++)
        TRY(memory_new(&lane->buffers[direction], BUFFER_WORDS, error));
done:
    if (status != STATUS_OK) {
        lane_destroy(lane);
        lane = NULL;
    }
    *out = lane;
    return status;
}

void lane_destroy(struct lane *lane)
{
    if (!lane)
        return;
    for (int direction = 0; direction < DIRECTIONS; direction++)
        memory_free(lane->buffers[direction]);
    memory_free(lane);
}

size_t lane_bytes(void)
{
    return sizeof(struct lane) + sizeof(uint64_t) * DIRECTIONS * BUFFER_WORDS;
}

static struct range block_of(const struct lane *lane, size_t block)
{
    return partition_range(lane->count, lane->blocks, block);
}

static struct range share_of(const struct lane *lane, size_t block, size_t owner)
{
    struct range whole = block_of(lane, block);
    struct range share = partition_range(whole.count, lane->size, owner);
    return (struct range){whole.first + share.first, share.count};
}

/* From the collection of a block until it is given lie 2·ahead - 1 turns: as many rounds as may be under way,
 * so that they are, before a sum is waited for. */
static size_t blocks_ahead(const struct lane *lane)
{
    return 1 + divide_up(lane->under_way, 2 * (lane->size - 1));
}

void lane_begin(struct lane *lane, float *values, size_t count)
{
    lane->values = values;
    lane->count = count;
    lane->blocks = divide_up(count, lane->size * SHARE_FLOATS);
    lane->rounds = 2 * lane->blocks * (lane->size - 1);
    lane->begun = 0;
    lane->ended = 0;
    if (count == 0)
        return;
    size_t longest = divide_up(block_of(lane, 0).count, lane->size);
    lane->share_words = zero_blocks_most_bytes(longest) / sizeof(uint64_t);
    lane->under_way = smaller(UNDER_WAY_FLOATS / longest, ROUNDS_UNDER_WAY);
    lane->ahead = smaller(lane->blocks, blocks_ahead(lane));
}

/* A turn is a round with each of the others. */
static size_t turn_of_collection(const struct lane *lane, size_t block)
{
    return block < lane->ahead ? block : 2 * block - lane->ahead + 1;
}

static void take_turn(const struct lane *lane, size_t turn, struct round *round)
{
    size_t alternating = 2 * (lane->blocks - lane->ahead);
    if (turn < lane->ahead) {
        round->block = turn;
    } else if (turn < lane->ahead + alternating) {
        size_t later = turn - lane->ahead;
        round->gives = later % 2 == 0;
        round->block = later / 2 + (round->gives ? 0 : lane->ahead);
    } else {
        round->gives = true;
        round->block = turn - lane->blocks;
    }
}

static struct round round_of(const struct lane *lane, size_t number)
{
    size_t others = lane->size - 1;
    size_t distance = 1 + number % others;
    struct round round = {
        .to = (lane->rank + distance) % lane->size,
        .from = (lane->rank + lane->size - distance) % lane->size,
    };
    take_turn(lane, number / others, &round);
    if (round.gives)
        round.needs = (turn_of_collection(lane, round.block) + 1) * others;
    return round;
}

static uint64_t *buffer_of(const struct lane *lane, int direction, size_t number)
{
    return lane->buffers[direction] + number % lane->under_way * lane->share_words;
}

static MPI_Request *requests_of(struct lane *lane, size_t number)
{
    return lane->requests[number % lane->under_way];
}

static enum status begin_round(struct lane *lane, size_t number, struct error *error)
{
    enum status status = STATUS_OK;
    struct round round = round_of(lane, number);
    struct range to_send = share_of(lane, round.block, round.gives ? lane->rank : round.to);
    struct range to_receive = share_of(lane, round.block, round.gives ? round.from : lane->rank);
    void *sent = lane->values + to_send.first;
    void *received = lane->values + to_receive.first;
    size_t sent_bytes = to_send.count * sizeof(float);
    size_t received_bytes = to_receive.count * sizeof(float);
    if (!round.gives) {
        sent = buffer_of(lane, SENT, number);
        received = buffer_of(lane, RECEIVED, number);
        sent_bytes = zero_blocks_pack(sent, lane->values + to_send.first, to_send.count);
        received_bytes = zero_blocks_most_bytes(to_receive.count);
    }
    MPI_Request *requests = requests_of(lane, number);
    requests[SENT] = MPI_REQUEST_NULL;
    requests[RECEIVED] = MPI_REQUEST_NULL;
    if (to_receive.count > 0)
        TRY(mpi_check(MPI_Irecv(received, (int)received_bytes, MPI_BYTE, (int)round.from, 0, lane->ranks,
                                &requests[RECEIVED]),
                      "MPI_Irecv", error));
    if (to_send.count > 0)
        TRY(mpi_check(
            MPI_Isend(sent, (int)sent_bytes, MPI_BYTE, (int)round.to, 0, lane->ranks, &requests[SENT]),
            "MPI_Isend", error));
done:
    return status;
}

static void end_round(struct lane *lane, size_t number)
{
    struct round round = round_of(lane, number);
    if (round.gives)
        return;
    struct range mine = share_of(lane, round.block, lane->rank);
    zero_blocks_add(lane->values + mine.first, buffer_of(lane, RECEIVED, number), mine.count);
}

static bool may_begin(const struct lane *lane, size_t number)
{
    return number < lane->rounds && number < lane->ended + lane->under_way &&
           lane->ended >= round_of(lane, number).needs;
}

enum status lane_continue(struct lane *lane, bool wait, bool *done, struct error *error)
{
    enum status status = STATUS_OK;
    for (int over = 1; over && lane->ended < lane->rounds;) {
        for (; may_begin(lane, lane->begun); lane->begun++)
            TRY(begin_round(lane, lane->begun, error));
        MPI_Request *requests = requests_of(lane, lane->ended);
        if (wait)
            TRY(mpi_check(COMM_WAIT(lane->comm, MPI_Waitall(DIRECTIONS, requests, MPI_STATUSES_IGNORE)),
                          "MPI_Waitall", error));
        else
            TRY(mpi_check(MPI_Testall(DIRECTIONS, requests, &over, MPI_STATUSES_IGNORE), "MPI_Testall",
                          error));
        if (over)
            end_round(lane, lane->ended++);
    }
    *done = lane->ended == lane->rounds;
done:
    return status;
}
