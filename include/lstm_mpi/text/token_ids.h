#ifndef LSTM_MPI_TEXT_TOKEN_IDS_H
#define LSTM_MPI_TEXT_TOKEN_IDS_H

/* Ids of consecutive tokens of a text, each in as few bytes as its vocabulary allows: two where that has at
 * most 65,536 tokens, else four. */

#include "lstm_mpi/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* One of them, the other NULL: a view, unless token_ids_create has made it. */
struct token_ids {
    uint16_t *two_bytes;
    uint32_t *four_bytes;
};

/* Bytes of an id. */
size_t token_ids_bytes(size_t vocabulary_size);

/* In memory of the caller's, aligned for numbers of token_ids_bytes. */
struct token_ids token_ids_place(void *memory, size_t vocabulary_size);

/* Room for `count` ids, which are not set yet. The caller owns: token_ids_free. */
MUST_CHECK enum status token_ids_create(struct token_ids *ids, size_t count, size_t vocabulary_size,
                                        struct error *error);
void token_ids_free(struct token_ids *ids);

/* Those from number `first` on. */
struct token_ids token_ids_from(struct token_ids ids, size_t first);

static inline void token_ids_write(struct token_ids ids, size_t place, uint32_t id)
{
    if (ids.two_bytes)
        ids.two_bytes[place] = (uint16_t)id;
    else
        ids.four_bytes[place] = id;
}

/* The first `count` of them into `out`. */
void token_ids_read(struct token_ids ids, size_t count, uint32_t *out);

#endif
