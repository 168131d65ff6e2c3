#include "lstm_mpi/text/token_ids.h"

#include "lstm_mpi/base/memory.h"

#include <string.h>

size_t token_ids_bytes(size_t vocabulary_size)
{
    return vocabulary_size <= (size_t)UINT16_MAX + 1 ? sizeof(uint16_t) : sizeof(uint32_t);
}

struct token_ids token_ids_place(void *memory, size_t vocabulary_size)
{
    if (token_ids_bytes(vocabulary_size) == sizeof(uint16_t))
        return (struct token_ids){.two_bytes = memory};
    return (struct token_ids){.four_bytes = memory};
}

enum status token_ids_create(struct token_ids *ids, size_t count, size_t vocabulary_size, struct error *error)
{
    void *memory = NULL;
    size_t capacity = 0;
    /* Not memory_new: these may be gigabytes, and each number is written just once. */
    enum status status = memory_reserve(&memory, &capacity, count, token_ids_bytes(vocabulary_size), error);
    *ids = token_ids_place(memory, vocabulary_size);
    return status;
}

void token_ids_free(struct token_ids *ids)
{
    memory_free(ids->two_bytes);
    memory_free(ids->four_bytes);
    *ids = (struct token_ids){0};
}

struct token_ids token_ids_from(struct token_ids ids, size_t first)
{
    if (ids.two_bytes)
        ids.two_bytes += first;
    else if (ids.four_bytes)
        ids.four_bytes += first;
    return ids;
}

void token_ids_read(struct token_ids ids, size_t count, uint32_t *out)
{
    if (ids.four_bytes) {
        memcpy(out, ids.four_bytes, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = ids.two_bytes[i];
}
