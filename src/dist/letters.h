#ifndef LSTM_MPI_DIST_LETTERS_H
#define LSTM_MPI_DIST_LETTERS_H

/* How hosts hear of each other while MPI is blocked: a rank tells what its host knows of its own ranks, in
 * one UDP datagram. A letter that asks is answered by whoever gets it, of any rank of a host. Datagrams get
 * lost and come twice; nothing here waits, and nothing fails but by not being heard. */

#include "roll.h"

struct letters {
    const struct roll *roll;
    uint64_t key; /* of this run: other datagrams are dropped */
    int socket;   /* -1: none */
    void *buffer;
    size_t buffer_bytes;
};

/* Opens a socket and tells where it is reached: `door` has no addresses where there is none. Not collective.
 */
void letters_open(struct letters *letters, struct roll_door *door);
void letters_close(struct letters *letters);

/* The longest letter that may come from, or go to, any node. */
size_t letters_bytes(int largest_node);

/* Asks one rank of every other node; another one of it with every attempt. */
void letters_ask(struct letters *letters, int attempt, int64_t now);

/* Enters into the roll what has come, and answers those who ask. */
void letters_receive(struct letters *letters, int64_t now);

#endif
