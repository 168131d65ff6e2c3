#include "lstm_mpi/text/token_counts.h"

#include "lstm_mpi/base/memory.h"
#include "word_table.h"

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
