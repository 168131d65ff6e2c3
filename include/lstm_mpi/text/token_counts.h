#ifndef LSTM_MPI_TEXT_TOKEN_COUNTS_H
#define LSTM_MPI_TEXT_TOKEN_COUNTS_H

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/text/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

/* How often each token occurs. Plain numbers: those of several ranks are summed element by element. */
struct token_counts {
    const struct tokenizer_ops *tokenizer;
    uint64_t *counts; /* [length], by code point; owned */
    size_t length;
};

MUST_CHECK enum status token_counts_create(struct token_counts *counts, const struct tokenizer_ops *tokenizer,
                                           struct error *error);
void token_counts_free(struct token_counts *counts);
void token_counts_add(struct token_counts *counts, const struct token *tokens, size_t count);

#endif
