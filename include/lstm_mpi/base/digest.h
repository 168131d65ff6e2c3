#ifndef LSTM_MPI_BASE_DIGEST_H
#define LSTM_MPI_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* Long data is digested in blocks of this size, so that ranks can share the work. */
enum { DIGEST_BLOCK_BYTES = 1 << 20 };

/* XXH3-64 of a buffer: the same weights? damaged data? Not against malice. */
uint64_t digest_of(const void *data, size_t bytes);

#endif
