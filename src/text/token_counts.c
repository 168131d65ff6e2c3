#include "lstm_mpi/text/token_counts.h"

#include "lstm_mpi/base/memory.h"
#include "word_table.h"

#include <string.h>

enum status token_counts_create(struct token_counts *counts, const struct token_rules *rules,
                                struct error *error)
{
    *counts = (struct token_counts){.rules = *rules};
    if (rules->tokenizer->code_points == 0)
        return word_table_create(&counts->words, error);
    counts->length = rules->tokenizer->code_points;
    return memory_new(&counts->counts, counts->length, error);
}

void token_counts_free(struct token_counts *counts)
{
    word_table_destroy(counts->words);
    memory_free(counts->counts);
    *counts = (struct token_counts){0};
}

static enum status add_word(struct token_counts *counts, const void *text, size_t bytes, uint64_t times,
                            struct error *error)
{
    size_t index;
    enum status status;
    TRY(word_table_add(counts->words, text, bytes, &index, error));
    if (index >= counts->length) {
        TRY(memory_grow(&counts->counts, &counts->capacity, index + 1, error));
        counts->counts[index] = 0;
        counts->length = index + 1;
    }
    counts->counts[index] += times;
done:
    return status;
}

static enum status add_words(struct token_counts *counts, const struct portion *portion, struct error *error)
{
    enum status status = STATUS_OK;
    const unsigned char *text = portion->text;
    for (size_t i = 0; i < portion->count; i++) {
        TRY(add_word(counts, text, portion->tokens[i], 1, error));
        text += portion->tokens[i];
    }
done:
    return status;
}

enum status token_counts_add(struct token_counts *counts, const struct portion *portion, struct error *error)
{
    if (counts->words)
        return add_words(counts, portion, error);
    for (size_t i = 0; i < portion->count; i++)
        counts->counts[portion->tokens[i]]++;
    return STATUS_OK;
}

void token_counts_drop_rare(struct token_counts *counts, uint64_t least)
{
    for (size_t i = 0; i < counts->length; i++) {
        if (counts->counts[i] < least) {
            counts->unknown += counts->counts[i];
            counts->counts[i] = 0;
        }
    }
}

/* Packed, a word is its count, its length and its text. */
enum { PACKED_HEAD_BYTES = sizeof(uint64_t) + sizeof(uint32_t) };

static bool is_packed(const struct token_counts *counts, size_t index, size_t part, size_t parts)
{
    return counts->counts[index] > 0 && word_table_part(counts->words, index, parts) == part;
}

static void pack_word(unsigned char *out, const char *text, size_t bytes, uint64_t times)
{
    uint32_t length = (uint32_t)bytes;
    memcpy(out, &times, sizeof times);
    memcpy(out + sizeof times, &length, sizeof length);
    memcpy(out + PACKED_HEAD_BYTES, text, bytes);
}

enum status token_counts_pack(const struct token_counts *counts, size_t part, size_t parts,
                              unsigned char **packed, size_t *bytes, struct error *error)
{
    enum status status;
    size_t length;
    size_t used = 0;
    *packed = NULL;
    *bytes = 0;
    for (size_t i = 0; i < counts->length; i++) {
        if (is_packed(counts, i, part, parts)) {
            word_table_text(counts->words, i, &length);
            *bytes += PACKED_HEAD_BYTES + length;
        }
    }
    TRY(memory_new(packed, *bytes, error));
    for (size_t i = 0; i < counts->length; i++) {
        if (is_packed(counts, i, part, parts)) {
            const char *text = word_table_text(counts->words, i, &length);
            pack_word(*packed + used, text, length, counts->counts[i]);
            used += PACKED_HEAD_BYTES + length;
        }
    }
done:
    return status;
}

enum status token_counts_add_packed(struct token_counts *counts, const unsigned char *packed, size_t bytes,
                                    struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t position = 0; position < bytes;) {
        uint64_t times;
        uint32_t length;
        memcpy(&times, packed + position, sizeof times);
        memcpy(&length, packed + position + sizeof times, sizeof length);
        position += PACKED_HEAD_BYTES;
        TRY(add_word(counts, packed + position, length, times, error));
        position += length;
    }
done:
    return status;
}
