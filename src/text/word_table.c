/* Open addressing: a slot holds the number of a word plus 1, or 0; a word is in the first free slot at or
 * behind the one that its hash names. Half of the slots are free at least. Texts lie in chunks, so that they
 * never move. */

#include "word_table.h"

#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"

#include <string.h>

enum { FIRST_SLOTS = 1 << 10, CHUNK_BYTES = 1 << 16 };

struct word {
    const char *text;
    uint32_t bytes;
    uint32_t hash;
};

struct chunk {
    struct chunk *next;
    size_t bytes; /* of text */
    size_t used;
    char text[];
};

struct word_table {
    struct word *words; /* [count] */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* [slot_count] */
    size_t slot_count;
    struct chunk *chunks; /* the one that is filled, then the full ones */
};

enum status word_table_create(struct word_table **out, struct error *error)
{
    *out = NULL;
    struct word_table *table = NULL;
    enum status status;
    TRY(memory_new(&table, 1, error));
    table->slot_count = FIRST_SLOTS;
    TRY(memory_new(&table->slots, table->slot_count, error));
    TRY(memory_grow(&table->words, &table->capacity, FIRST_SLOTS / 2, error));
    *out = table;
    table = NULL;
done:
    word_table_destroy(table);
    return status;
}

void word_table_destroy(struct word_table *table)
{
    if (!table)
        return;
    while (table->chunks) {
        struct chunk *next = table->chunks->next;
        memory_free(table->chunks);
        table->chunks = next;
    }
    memory_free(table->words);
    memory_free(table->slots);
    memory_free(table);
}

const char *word_table_text(const struct word_table *table, size_t index, size_t *bytes)
{
    *bytes = table->words[index].bytes;
    return table->words[index].text;
}

size_t word_table_part(const struct word_table *table, size_t index, size_t parts)
{
    return table->words[index].hash % parts;
}

static uint32_t hash_of(const void *text, size_t bytes)
{
    return (uint32_t)digest_of(text, bytes);
}

/* The slot of a word, or the free one where it would go. */
static size_t find_slot(const struct word_table *table, const void *text, size_t bytes, uint32_t hash)
{
    size_t mask = table->slot_count - 1;
    size_t slot = hash & mask;
    while (table->slots[slot] > 0) {
        const struct word *word = &table->words[table->slots[slot] - 1];
        if (word->hash == hash && word->bytes == bytes && memcmp(word->text, text, bytes) == 0)
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

size_t word_table_find(const struct word_table *table, const void *text, size_t bytes)
{
    uint32_t number = table->slots[find_slot(table, text, bytes, hash_of(text, bytes))];
    return number > 0 ? number - 1 : WORD_TABLE_NONE;
}

static enum status grow_slots(struct word_table *table, struct error *error)
{
    uint32_t *slots;
    size_t slot_count = 2 * table->slot_count;
    enum status status = memory_new(&slots, slot_count, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < table->count; i++) {
        size_t slot = table->words[i].hash & (slot_count - 1);
        while (slots[slot] > 0)
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)(i + 1);
    }
    memory_free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    return STATUS_OK;
}

static enum status new_chunk(struct word_table *table, size_t least_bytes, struct error *error)
{
    size_t bytes = least_bytes > CHUNK_BYTES ? least_bytes : CHUNK_BYTES;
    char *memory;
    enum status status = memory_new(&memory, sizeof(struct chunk) + bytes, error);
    if (status != STATUS_OK)
        return status;
    struct chunk *chunk = (struct chunk *)(void *)memory;
    *chunk = (struct chunk){.next = table->chunks, .bytes = bytes};
    table->chunks = chunk;
    return STATUS_OK;
}

static enum status store_text(struct word_table *table, const void *text, size_t bytes, const char **stored,
                              struct error *error)
{
    enum status status = STATUS_OK;
    if (!table->chunks || table->chunks->bytes - table->chunks->used <= bytes)
        TRY(new_chunk(table, bytes + 1, error));
    struct chunk *chunk = table->chunks;
    char *place = chunk->text + chunk->used;
    memcpy(place, text, bytes);
    place[bytes] = '\0';
    chunk->used += bytes + 1;
    *stored = place;
done:
    return status;
}

static enum status too_many_words(struct error *error)
{
    error_set(error, STATUS_FAILED, "the corpus has too many different words");
    error_why(error, "there are more than 2^32 - 2");
    return error_remedy(error, "use --token char");
}

enum status word_table_add(struct word_table *table, const void *text, size_t bytes, size_t *index,
                           struct error *error)
{
    enum status status = STATUS_OK;
    uint32_t hash = hash_of(text, bytes);
    size_t slot = find_slot(table, text, bytes, hash);
    if (table->slots[slot] > 0) {
        *index = table->slots[slot] - 1;
        return STATUS_OK;
    }
    if (table->count >= UINT32_MAX - 1 || bytes > UINT32_MAX)
        return too_many_words(error);
    struct word word = {.bytes = (uint32_t)bytes, .hash = hash};
    TRY(memory_grow(&table->words, &table->capacity, table->count + 1, error));
    if (2 * (table->count + 1) > table->slot_count) {
        TRY(grow_slots(table, error));
        slot = find_slot(table, text, bytes, hash);
    }
    TRY(store_text(table, text, bytes, &word.text, error));
    *index = table->count;
    table->words[table->count++] = word;
    table->slots[slot] = (uint32_t)table->count;
done:
    return status;
}
