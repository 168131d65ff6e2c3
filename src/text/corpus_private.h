#ifndef LSTM_MPI_TEXT_CORPUS_PRIVATE_H
#define LSTM_MPI_TEXT_CORPUS_PRIVATE_H

#include "lstm_mpi/text/corpus.h"

/* corpus_open with blocks of any length, so that a short text has many block borders. */
MUST_CHECK enum status corpus_open_blocks(struct corpus **out, const char *const *paths, size_t count,
                                          const struct token_rules *rules, size_t block_bytes,
                                          struct error *error);

#endif
