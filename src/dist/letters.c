#include "letters.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct head {
    uint64_t key;
    int32_t node;
    uint32_t asks;
    uint64_t lines;
};

struct line {
    int32_t rank;
    uint16_t waiting;
    uint16_t spoke;
    int64_t age; /* since it was heard of */
    int64_t stalled;
    uint64_t at;
};

size_t letters_bytes(int largest_node)
{
    return sizeof(struct head) + (size_t)largest_node * sizeof(struct line);
}

static void find_addresses(struct roll_door *door)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one && door->addresses < ROLL_ADDRESSES; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !(one->ifa_flags & IFF_UP) ||
            one->ifa_flags & IFF_LOOPBACK)
            continue;
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof address);
        door->address[door->addresses++] = address.sin_addr.s_addr;
    }
    freeifaddrs(all);
}

void letters_open(struct letters *letters, struct roll_door *door)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    *door = (struct roll_door){0};
    letters->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (letters->socket < 0)
        return;
    if (bind(letters->socket, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(letters->socket, (struct sockaddr *)&address, &length) != 0)
        return;
    door->port = address.sin_port;
    find_addresses(door);
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

/* Puts what this host knows of its ranks into the buffer; returns its length. */
static size_t write_letter(struct letters *letters, bool asks, int64_t now)
{
    const struct roll *roll = letters->roll;
    struct head head = {.key = letters->key, .node = my_node(letters), .asks = asks};
    char *place = (char *)letters->buffer + sizeof head;
    for (int rank = head.node; rank < roll->size; rank++) {
        const struct roll_member *member = &roll->members[rank];
        int64_t heard_at = atomic_load(&member->heard_at);
        if (member->place.node != head.node || heard_at == 0)
            continue;
        struct line line = {
            .rank = rank,
            .waiting = atomic_load(&member->waiting),
            .spoke = atomic_load(&member->spoke),
            .age = now - heard_at,
            .stalled = atomic_load(&member->stalled),
            .at = atomic_load(&member->at),
        };
        memcpy(place, &line, sizeof line);
        place += sizeof line;
        head.lines++;
    }
    memcpy(letters->buffer, &head, sizeof head);
    return (size_t)(place - (char *)letters->buffer);
}

void letters_ask(struct letters *letters, int attempt, int64_t now)
{
    const struct roll *roll = letters->roll;
    if (letters->socket < 0)
        return;
    size_t bytes = write_letter(letters, true, now);
    for (int rank = 0; rank < roll->size; rank++) {
        const struct roll_place *place = &roll->members[rank].place;
        if (place->node == my_node(letters) || place->node_rank != attempt % place->node_size)
            continue;
        for (int i = 0; i < place->door.addresses; i++) {
            struct sockaddr_in to = {
                .sin_family = AF_INET,
                .sin_port = place->door.port,
                .sin_addr.s_addr = place->door.address[i],
            };
            (void)sendto(letters->socket, letters->buffer, bytes, 0, (const struct sockaddr *)&to, sizeof to);
        }
    }
}

static void enter(const struct roll *roll, const struct head *head, const struct line *line, int64_t now)
{
    if (line->rank < 0 || line->rank >= roll->size || line->age < 0 || line->age >= now)
        return;
    struct roll_member *member = &roll->members[line->rank];
    if (member->place.node != head->node || now - line->age < atomic_load(&member->heard_at))
        return;
    atomic_store(&member->stalled, line->stalled);
    atomic_store(&member->at, line->at);
    atomic_store(&member->waiting, line->waiting != 0);
    atomic_store(&member->spoke, line->spoke != 0);
    atomic_store(&member->heard_at, now - line->age);
}

/* Does it come from another host of this run? */
static bool read_letter(struct letters *letters, struct head *head, size_t bytes, int64_t now)
{
    if (bytes < sizeof *head)
        return false;
    memcpy(head, letters->buffer, sizeof *head);
    size_t lines = (bytes - sizeof *head) / sizeof(struct line);
    if (head->key != letters->key || head->node == my_node(letters) || head->lines != lines)
        return false;
    const char *place = (const char *)letters->buffer + sizeof *head;
    for (size_t i = 0; i < lines; i++) {
        struct line line;
        memcpy(&line, place + i * sizeof line, sizeof line);
        enter(letters->roll, head, &line, now);
    }
    return true;
}

void letters_receive(struct letters *letters, int64_t now)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t bytes;
    while (letters->socket >= 0 && (bytes = recvfrom(letters->socket, letters->buffer, letters->buffer_bytes,
                                                     0, (struct sockaddr *)&from, &length)) >= 0) {
        struct head head;
        if (read_letter(letters, &head, (size_t)bytes, now) && head.asks) {
            size_t answer = write_letter(letters, false, now);
            (void)sendto(letters->socket, letters->buffer, answer, 0, (const struct sockaddr *)&from, length);
        }
        length = sizeof from;
    }
}
