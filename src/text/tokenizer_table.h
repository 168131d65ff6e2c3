#ifndef LSTM_MPI_TEXT_TOKENIZER_TABLE_H
#define LSTM_MPI_TEXT_TOKENIZER_TABLE_H

#include "lstm_mpi/text/tokenizer.h"

/* The tokens of a portion, which stay in the nearest cache. */
enum { TOKENS_AT_ONCE = 1024 };

/* Every kind of token, each from its own tokenizer_X.c, the default first. */
#define TOKENIZERS(ROW) ROW(char) ROW(byte) ROW(word)

#define TOKENIZER_DECLARATION(kind) extern const struct tokenizer_ops tokenizer_##kind;
TOKENIZERS(TOKENIZER_DECLARATION)

#endif
