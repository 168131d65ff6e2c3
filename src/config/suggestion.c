#include "lstm_mpi/config/suggestion.h"

#include <string.h>

enum { LONGEST_WORD = 64 };

/* Insertions, deletions and replacements of bytes that make b of a (Levenshtein); many for very long words.
 */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST_WORD + 1];
    size_t length = strlen(b);
    if (strlen(a) > LONGEST_WORD || length > LONGEST_WORD)
        return LONGEST_WORD;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[length];
}

struct suggestion suggestion_begin(const char *typed)
{
    return (struct suggestion){.typed = typed, .distance = strlen(typed) < 4 ? 2 : 3};
}

void suggestion_consider(struct suggestion *suggestion, const char *word)
{
    size_t far = distance(suggestion->typed, word);
    if (far < suggestion->distance) {
        suggestion->word = word;
        suggestion->distance = far;
    }
}
