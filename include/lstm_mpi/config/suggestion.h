#ifndef LSTM_MPI_CONFIG_SUGGESTION_H
#define LSTM_MPI_CONFIG_SUGGESTION_H

#include <stddef.h>

/* "Did you mean …?": the nearest of some words to one that was typed. */
struct suggestion {
    const char *typed;
    const char *word; /* NULL: none is near */
    size_t distance;  /* only a nearer word is taken */
};

/* Takes words that one or two changed letters lead to, of a short `typed` only one. Both views must outlive
 * the suggestion. */
struct suggestion suggestion_begin(const char *typed);
void suggestion_consider(struct suggestion *suggestion, const char *word);

#endif
