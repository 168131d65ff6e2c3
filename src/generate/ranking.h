#ifndef LSTM_MPI_GENERATE_RANKING_H
#define LSTM_MPI_GENERATE_RANKING_H

/* Numbers in falling order, as many as are asked for: the first k of n take O(n + k log k). */

#include <stddef.h>
#include <stdint.h>

enum { RANKING_MOST_ENDS = 64 };

struct ranking {
    uint64_t *keys; /* the caller's; no two alike */
    size_t sorted;  /* so many are where they belong, before all others */
    /* Of pieces within the rest, the last one the innermost: all numbers before an end are larger than those
     * behind it. */
    size_t ends[RANKING_MOST_ENDS];
    size_t end_count;
};

/* Of these `count` numbers, which are put in order in their place. */
void ranking_begin(struct ranking *ranking, uint64_t *keys, size_t count);

/* The number at `place`, counted from 0, which is below their count. */
uint64_t ranking_at(struct ranking *ranking, size_t place);

#endif
