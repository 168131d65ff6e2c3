#include "touched_rows.h"

#include "lstm_mpi/base/memory.h"

#include <string.h>

enum { WORD_BITS = 64 };

static size_t word_count(size_t vocabulary)
{
    return (vocabulary + WORD_BITS - 1) / WORD_BITS;
}

enum status touched_rows_create(struct touched_rows *touched, size_t vocabulary, size_t inputs,
                                size_t all_inputs, struct error *error)
{
    enum status status;
    size_t most = all_inputs < vocabulary ? all_inputs : vocabulary;
    *touched = (struct touched_rows){.vocabulary = vocabulary, .inputs = inputs};
    TRY(memory_new(&touched->tokens, most, error));
    TRY(memory_new(&touched->row_of_input, inputs, error));
    TRY(memory_new(&touched->bitmap, word_count(vocabulary), error));
    TRY(memory_new(&touched->place_of_word, word_count(vocabulary), error));
done:
    if (status != STATUS_OK)
        touched_rows_free(touched);
    return status;
}

void touched_rows_free(struct touched_rows *touched)
{
    memory_free(touched->tokens);
    memory_free(touched->row_of_input);
    memory_free(touched->bitmap);
    memory_free(touched->place_of_word);
    *touched = (struct touched_rows){0};
}

static void list_tokens(struct touched_rows *touched)
{
    touched->count = 0;
    for (size_t word = 0; word < word_count(touched->vocabulary); word++) {
        touched->place_of_word[word] = (uint32_t)touched->count;
        for (uint64_t bits = touched->bitmap[word]; bits; bits &= bits - 1)
            touched->tokens[touched->count++] = (uint32_t)(word * WORD_BITS + (size_t)__builtin_ctzll(bits));
    }
}

static uint32_t place_of(const struct touched_rows *touched, uint32_t token)
{
    size_t word = token / WORD_BITS;
    uint64_t smaller = (UINT64_C(1) << token % WORD_BITS) - 1;
    return touched->place_of_word[word] + (uint32_t)__builtin_popcountll(touched->bitmap[word] & smaller);
}

enum status touched_rows_find(struct touched_rows *touched, const struct comm *comm, const uint32_t *inputs,
                              struct error *error)
{
    size_t words = word_count(touched->vocabulary);
    memset(touched->bitmap, 0, words * sizeof *touched->bitmap);
    for (size_t i = 0; i < touched->inputs; i++)
        touched->bitmap[inputs[i] / WORD_BITS] |= UINT64_C(1) << inputs[i] % WORD_BITS;
    if (comm->size > 1) {
        enum status status = comm_or_u64(comm, touched->bitmap, words, error);
        if (status != STATUS_OK)
            return status;
    }
    list_tokens(touched);
    for (size_t i = 0; i < touched->inputs; i++)
        touched->row_of_input[i] = place_of(touched, inputs[i]);
    return STATUS_OK;
}

void touched_rows_prefetch(const struct touched_rows *touched, size_t place, const float *table,
                           size_t row_size)
{
    if (place >= touched->count)
        return;
    const float *row = table + touched->tokens[place] * row_size;
    for (size_t i = 0; i < row_size; i += MEMORY_ALIGNMENT / sizeof *row)
        __builtin_prefetch(row + i, 1);
}
