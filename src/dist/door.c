#include "door.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct in6_addr mapped(struct in_addr address)
{
    struct in6_addr all = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&all.s6_addr[12], &address, sizeof address);
    return all;
}

static bool address_of(struct in6_addr *out, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        *out = mapped(four.sin_addr);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        *out = six.sin6_addr;
        return !IN6_IS_ADDR_LINKLOCAL(out);
    }
    return false;
}

static void find_addresses(struct door *door)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one && door->addresses < DOOR_ADDRESSES; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || !(one->ifa_flags & IFF_RUNNING) ||
            one->ifa_flags & IFF_LOOPBACK)
            continue;
        if (address_of(&door->address[door->addresses], one->ifa_addr))
            door->addresses++;
    }
    freeifaddrs(all);
}

/* To an address of any family, as a socket of `family` takes it. Returns its length; 0: it cannot. */
static socklen_t aim(struct sockaddr_storage *out, int family, const struct in6_addr *address, in_port_t port)
{
    if (family == AF_INET6) {
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = *address};
        memcpy(out, &six, sizeof six);
        return sizeof six;
    }
    if (!IN6_IS_ADDR_V4MAPPED(address))
        return 0;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = port};
    memcpy(&four.sin_addr, &address->s6_addr[12], sizeof four.sin_addr);
    memcpy(out, &four, sizeof four);
    return sizeof four;
}

static int family_of(int socket)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    (void)getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

/* At a port of the kernel's choice, for whatever address of this host. */
static bool bind_anywhere(int socket, int family, in_port_t *port)
{
    static const struct in6_addr any_four = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    struct sockaddr_storage address;
    socklen_t length = aim(&address, family, family == AF_INET6 ? &in6addr_any : &any_four, 0);
    int no = 0;
    if (family == AF_INET6 && setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) != 0)
        return false;
    if (bind(socket, (const struct sockaddr *)&address, length) != 0 ||
        getsockname(socket, (struct sockaddr *)&address, &length) != 0)
        return false;
    /* at the same place in both families */
    struct sockaddr_in bound;
    memcpy(&bound, &address, sizeof bound);
    *port = bound.sin_port;
    return true;
}

int door_open_family(struct door *door, int family)
{
    *door = (struct door){0};
    int opened = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened < 0)
        return -1;
    if (!bind_anywhere(opened, family, &door->port)) {
        (void)close(opened);
        return -1;
    }
    find_addresses(door);
    return opened;
}

int door_open(struct door *door)
{
    int opened = door_open_family(door, AF_INET6);
    return opened >= 0 ? opened : door_open_family(door, AF_INET);
}

void door_send(int from, const struct door *to, const void *bytes, size_t length)
{
    int family = family_of(from);
    for (int i = 0; i < to->addresses; i++) {
        struct sockaddr_storage address;
        socklen_t address_length = aim(&address, family, &to->address[i], to->port);
        if (address_length > 0)
            (void)sendto(from, bytes, length, 0, (const struct sockaddr *)&address, address_length);
    }
}
