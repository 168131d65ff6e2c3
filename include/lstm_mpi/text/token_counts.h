#ifndef LSTM_MPI_TEXT_TOKEN_COUNTS_H
#define LSTM_MPI_TEXT_TOKEN_COUNTS_H

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/text/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

struct word_table;

/* How often each token occurs. Where tokens are code points, counts are plain numbers: those of several ranks
 * are summed element by element. Words are numbered as they come, in each rank's own order: they are
 * exchanged packed. */
struct token_counts {
    struct token_rules rules;
    struct word_table *words; /* NULL where tokens are code points */
    uint64_t *counts;         /* [length], by code point or by the word's number; owned */
    size_t length;
    size_t capacity;
    uint64_t unknown; /* tokens that were too rare */
};

MUST_CHECK enum status token_counts_create(struct token_counts *counts, const struct token_rules *rules,
                                           struct error *error);
void token_counts_free(struct token_counts *counts);
MUST_CHECK enum status token_counts_add(struct token_counts *counts, const struct portion *portion,
                                        struct error *error);

/* The counts of those words of which word_table_part is `part` of `parts`, as bytes for another rank; the
 * caller owns them: memory_free. */
MUST_CHECK enum status token_counts_pack(const struct token_counts *counts, size_t part, size_t parts,
                                         unsigned char **packed, size_t *bytes, struct error *error);
MUST_CHECK enum status token_counts_add_packed(struct token_counts *counts, const unsigned char *packed,
                                               size_t bytes, struct error *error);

/* Tokens that occur, but less than `least` times, become unknown ones. */
void token_counts_drop_rare(struct token_counts *counts, uint64_t least);

#endif
