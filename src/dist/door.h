#ifndef LSTM_MPI_DIST_DOOR_H
#define LSTM_MPI_DIST_DOOR_H

/* Where a process is reached by UDP, over IPv4 and IPv6 alike. Hosts have several addresses, and which of
 * them leads from one host to another is not known here: what goes to a door goes to all of its addresses. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { DOOR_ADDRESSES = 16 };

/* Can be sent to other hosts as it is. Addresses of IPv4 are mapped, ::ffff:10.0.0.1; the port is in network
 * byte order. */
struct door {
    in_port_t port;
    uint16_t addresses; /* 0: it cannot be reached */
    struct in6_addr address[DOOR_ADDRESSES];
};

/* Returns a socket that never blocks and tells where it is reached, -1 and no addresses where there is none:
 * of both families, or of IPv4 alone on a host without IPv6. Left out are interfaces that are not up or have
 * no carrier, loopback, and the addresses of IPv6 that mean something on one link only. The caller closes. */
int door_open(struct door *door);

/* The same with sockets of one family: AF_INET, or AF_INET6 for both. */
int door_open_family(struct door *door, int family);

/* Sends to each address that the socket can send to. What cannot be sent is lost, as on the way. */
void door_send(int from, const struct door *to, const void *bytes, size_t length);

#endif
