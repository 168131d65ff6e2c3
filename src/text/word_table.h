#ifndef LSTM_MPI_TEXT_WORD_TABLE_H
#define LSTM_MPI_TEXT_WORD_TABLE_H

/* A growing set of strings of bytes, numbered from 0 in the order in which they come. */

#include "lstm_mpi/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct word_table;

/* Of a word that is not there. */
#define WORD_TABLE_NONE SIZE_MAX

MUST_CHECK enum status word_table_create(struct word_table **out, struct error *error);
void word_table_destroy(struct word_table *table);

/* Of the word number `index`. A zero byte follows the text, which stays where it is as long as the table. */
const char *word_table_text(const struct word_table *table, size_t index, size_t *bytes);

/* A number below `parts` that depends on the word alone. */
size_t word_table_part(const struct word_table *table, size_t index, size_t parts);

size_t word_table_find(const struct word_table *table, const void *text, size_t bytes);

/* Adds the word unless it is there; `*index` is its number in both cases. Fails for want of memory, and
 * beyond 2^32 - 2 words. */
MUST_CHECK enum status word_table_add(struct word_table *table, const void *text, size_t bytes, size_t *index,
                                      struct error *error);

#endif
