#ifndef LSTM_MPI_DIST_LETTERS_H
#define LSTM_MPI_DIST_LETTERS_H

/* How hosts hear of each other while MPI is blocked: a rank tells what its host knows of its own ranks, in
 * UDP datagrams. A letter that asks is answered by whoever gets it, of any rank of a host. Datagrams get lost
 * and come twice; nothing here waits, and nothing fails but by not being heard. */

#include "roll.h"

/* As many as fit into 1232 bytes. A letter is never cut in pieces on its way then: any network that carries
 * IPv6 carries 1280 bytes, of which the headers take 48. */
enum { LETTER_LINES = 37 };

/* What it says of one rank, in milliseconds. */
struct letter_line {
    int32_t rank;
    uint16_t waiting;
    uint16_t spoke;
    int64_t age; /* since it was heard of */
    int64_t stalled;
    uint64_t at;
};

/* Only as many lines travel as there are. */
struct letter {
    uint64_t key;
    int32_t node;
    uint32_t asks; /* wants an answer */
    uint64_t lines;
    struct letter_line line[LETTER_LINES];
};

struct letters {
    const struct roll *roll;
    uint64_t key; /* of this run: other datagrams are dropped */
    int socket;   /* -1: none */
};

/* Opens a socket and tells where it is reached: `door` has no addresses where it is not. Not collective. */
void letters_open(struct letters *letters, struct door *door);
void letters_close(struct letters *letters);

/* Asks one rank of every other node; another one of it with every attempt. */
void letters_ask(const struct letters *letters, int attempt, int64_t now);

/* Enters into the roll what has come, and answers those who ask. Returns after some letters, however many
 * come. */
void letters_receive(const struct letters *letters, int64_t now);

#endif
