#include "letters.h"

#include <assert.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static_assert(sizeof(struct letter) <= 1232, "a letter may be cut in pieces on its way");

void letters_open(struct letters *letters, struct door *door)
{
    letters->socket = door_open(door);
}

void letters_close(struct letters *letters)
{
    if (letters->socket >= 0)
        (void)close(letters->socket);
    letters->socket = -1;
}

static int my_node(const struct letters *letters)
{
    return letters->roll->members[letters->roll->rank].place.node;
}

static size_t length_of(const struct letter *letter)
{
    return offsetof(struct letter, line) + letter->lines * sizeof letter->line[0];
}

/* Writes what this host knows of its ranks, from rank `first` on, as many as fit; the last of such letters
 * asks, if one is to. Returns the rank that the next one begins with, the roll's size if there is none. */
static int write_letter(struct letter *letter, const struct letters *letters, int first, bool asks,
                        int64_t now)
{
    const struct roll *roll = letters->roll;
    int rank;
    *letter = (struct letter){.key = letters->key, .node = my_node(letters)};
    for (rank = first; rank < roll->size && letter->lines < LETTER_LINES; rank++) {
        const struct roll_member *member = &roll->members[rank];
        int64_t heard_at = atomic_load(&member->heard_at);
        if (member->place.node != letter->node || heard_at == 0)
            continue;
        letter->line[letter->lines++] = (struct letter_line){
            .rank = rank,
            .waiting = atomic_load(&member->waiting),
            .spoke = atomic_load(&member->spoke),
            .age = now - heard_at,
            .stalled = atomic_load(&member->stalled),
            .at = atomic_load(&member->at),
        };
    }
    letter->asks = asks && rank == roll->size;
    return rank;
}

static void send_to_nodes(const struct letters *letters, const struct letter *letter, int attempt)
{
    const struct roll *roll = letters->roll;
    for (int rank = 0; rank < roll->size; rank++) {
        const struct roll_place *place = &roll->members[rank].place;
        if (place->node != my_node(letters) && place->node_rank == attempt % place->node_size)
            door_send(letters->socket, &place->door, letter, length_of(letter));
    }
}

void letters_ask(const struct letters *letters, int attempt, int64_t now)
{
    int rank = my_node(letters);
    while (letters->socket >= 0 && rank < letters->roll->size) {
        struct letter letter;
        rank = write_letter(&letter, letters, rank, true, now);
        send_to_nodes(letters, &letter, attempt);
    }
}

static void answer(const struct letters *letters, const struct sockaddr *to, socklen_t to_length, int64_t now)
{
    int rank = my_node(letters);
    while (rank < letters->roll->size) {
        struct letter letter;
        rank = write_letter(&letter, letters, rank, false, now);
        (void)sendto(letters->socket, &letter, length_of(&letter), 0, to, to_length);
    }
}

static void enter(const struct roll *roll, int node, const struct letter_line *line, int64_t now)
{
    if (line->rank < 0 || line->rank >= roll->size || line->age < 0 || line->age >= now)
        return;
    struct roll_member *member = &roll->members[line->rank];
    if (member->place.node != node)
        return;
    if (line->spoke)
        atomic_store(&member->spoke, true); /* for good, and said once: in a letter that may come late */
    if (now - line->age < atomic_load(&member->heard_at))
        return;
    atomic_store(&member->stalled, line->stalled);
    atomic_store(&member->at, line->at);
    atomic_store(&member->waiting, line->waiting != 0);
    atomic_store(&member->heard_at, now - line->age);
}

/* Is it whole, and from another host of this run? */
static bool is_ours(const struct letters *letters, const struct letter *letter, size_t bytes)
{
    return bytes >= offsetof(struct letter, line) && letter->key == letters->key &&
           letter->node != my_node(letters) && letter->lines <= LETTER_LINES && bytes == length_of(letter);
}

void letters_receive(const struct letters *letters, int64_t now)
{
    enum { MOST_AT_ONCE = 64 }; /* then the caller's other work has its turn */
    for (int i = 0; letters->socket >= 0 && i < MOST_AT_ONCE; i++) {
        struct letter letter;
        struct sockaddr_storage from;
        socklen_t from_length = sizeof from;
        ssize_t bytes = recvfrom(letters->socket, &letter, sizeof letter, MSG_TRUNC, (struct sockaddr *)&from,
                                 &from_length);
        if (bytes < 0)
            return;
        if (!is_ours(letters, &letter, (size_t)bytes))
            continue;
        for (size_t line = 0; line < letter.lines; line++)
            enter(letters->roll, letter.node, &letter.line[line], now);
        if (letter.asks)
            answer(letters, (const struct sockaddr *)&from, from_length, now);
    }
}
