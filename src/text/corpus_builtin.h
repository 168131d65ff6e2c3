#ifndef LSTM_MPI_TEXT_CORPUS_BUILTIN_H
#define LSTM_MPI_TEXT_CORPUS_BUILTIN_H

#include <stddef.h>

/* The text of datasets/story.txt, which the build turns into C. */
extern const unsigned char corpus_builtin_text[];
extern const size_t corpus_builtin_bytes;

#endif
