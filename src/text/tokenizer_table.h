#ifndef LSTM_MPI_TEXT_TOKENIZER_TABLE_H
#define LSTM_MPI_TEXT_TOKENIZER_TABLE_H

#include "lstm_mpi/text/tokenizer.h"

/* The tokens of a portion, which stay in the nearest cache. */
enum { TOKENS_AT_ONCE = 1024 };

/* The rows of tokenizers[], each from its own tokenizer_X.c. */
extern const struct tokenizer_ops tokenizer_char;
extern const struct tokenizer_ops tokenizer_byte;
extern const struct tokenizer_ops tokenizer_word;

#endif
