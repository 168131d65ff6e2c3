/* Quicksort that sorts the left part of each piece when it is asked for, and remembers where the right ones
 * end (Paredes and Navarro, "Optimal incremental sorting", ALENEX 2006).
 *
 *     | sorted | piece | larger than what is behind | … |
 *              ^sorted ^ends[2]                     ^ends[1] ^ends[0]
 */

#include "ranking.h"

#include <stdlib.h>

/* A piece of so many is sorted at once. */
enum { SMALL_PIECE = 48 };

void ranking_begin(struct ranking *ranking, uint64_t *keys, size_t count)
{
    *ranking = (struct ranking){.keys = keys, .ends = {count}, .end_count = 1};
}

static int compare_falling(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a > b ? -1 : a < b;
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    if ((a < b) != (a < c))
        return a;
    return (b < a) != (b < c) ? b : c;
}

/* Parts a piece in two, neither of them empty, the larger numbers first; returns where the second begins. */
static size_t part(uint64_t *keys, size_t first, size_t end)
{
    uint64_t pivot = median(keys[first], keys[first + (end - first) / 2], keys[end - 1]);
    size_t i = first;
    size_t j = end - 1;
    for (;;) {
        while (keys[i] > pivot)
            i++;
        while (keys[j] < pivot)
            j--;
        if (i >= j)
            return j + 1;
        uint64_t key = keys[i];
        keys[i++] = keys[j];
        keys[j--] = key;
    }
}

static void sort_next_piece(struct ranking *ranking)
{
    size_t end = ranking->ends[ranking->end_count - 1];
    while (end - ranking->sorted > SMALL_PIECE && ranking->end_count < RANKING_MOST_ENDS) {
        end = part(ranking->keys, ranking->sorted, end);
        ranking->ends[ranking->end_count++] = end;
    }
    qsort(ranking->keys + ranking->sorted, end - ranking->sorted, sizeof *ranking->keys, compare_falling);
    ranking->sorted = end;
    ranking->end_count--;
}

uint64_t ranking_at(struct ranking *ranking, size_t place)
{
    while (place >= ranking->sorted)
        sort_next_piece(ranking);
    return ranking->keys[place];
}
