#ifndef LSTM_MPI_TRAIN_ROW_TEXT_H
#define LSTM_MPI_TRAIN_ROW_TEXT_H

/* A corpus that several rows read at once, each at its own place and on from there: every row has a window of
 * ids, which is filled anew when the row comes to its end. */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/text/corpus.h"

struct row_text {
    struct corpus *corpus;             /* these three are views */
    const struct corpus_block *blocks; /* of the whole corpus */
    const struct vocabulary *vocabulary;
    uint64_t tokens; /* that there are to read */
    size_t window;   /* ids for each row */
    struct range *held;
    uint32_t *ids;              /* [rows, window] */
    uint32_t *token_characters; /* [rows, window] */
    size_t *counted;            /* [rows]: the place up to which a row has been counted in */
    uint64_t characters;        /* of all tokens that were read, the first of each row excepted */
    uint64_t unknown;           /* of the same tokens, those that the vocabulary lacks */
};

/* Windows for `rows` rows that read at most `least` tokens at once. The caller owns what it holds, after a
 * failure too: row_text_free. */
MUST_CHECK enum status row_text_create(struct row_text *text, struct corpus *corpus,
                                       const struct corpus_block *blocks, const struct vocabulary *vocabulary,
                                       uint64_t tokens, size_t rows, size_t least, struct error *error);
void row_text_free(struct row_text *text);

/* The `read` of a struct evaluation_text, whose context is a struct row_text. */
MUST_CHECK enum status row_text_read(void *text, size_t row, struct range tokens, uint32_t *ids,
                                     struct error *error);

#endif
