/* The ranks' bitmaps are joined in two short messages, not in one of the whole vocabulary: first, which words
 * of them are not 0 on any rank, and then those words alone. */
#include "touched_rows.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"

#include <string.h>

enum { WORD_BITS = 64 };

static size_t word_count(size_t bits)
{
    return divide_up(bits, WORD_BITS);
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
    TRY(memory_new(&touched->used_bitmap, word_count(word_count(vocabulary)), error));
    TRY(memory_new(&touched->used, word_count(vocabulary), error));
    TRY(memory_new(&touched->words, word_count(vocabulary), error));
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
    memory_free(touched->used_bitmap);
    memory_free(touched->used);
    memory_free(touched->words);
    memory_free(touched->place_of_word);
    *touched = (struct touched_rows){0};
}

static void set_bit(uint64_t *bitmap, size_t bit)
{
    bitmap[bit / WORD_BITS] |= UINT64_C(1) << bit % WORD_BITS;
}

/* Puts the places of the bits of `bitmap`, `first` and more, where `next` points; returns what is behind
 * them. */
static uint32_t *list_bits(uint32_t *next, uint64_t bitmap, size_t first)
{
    for (; bitmap; bitmap &= bitmap - 1)
        *next++ = (uint32_t)(first + (size_t)__builtin_ctzll(bitmap));
    return next;
}

/* The bitmaps of all ranks become one. */
static enum status join_words(struct touched_rows *touched, const struct comm *comm, size_t count,
                              struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        touched->words[i] = touched->bitmap[touched->used[i]];
    TRY(comm_workers_or_u64(comm, touched->words, count, error));
    for (size_t i = 0; i < count; i++)
        touched->bitmap[touched->used[i]] = touched->words[i];
done:
    return status;
}

static void list_tokens(struct touched_rows *touched, size_t used_count)
{
    uint32_t *next = touched->tokens;
    for (size_t i = 0; i < used_count; i++) {
        size_t word = touched->used[i];
        touched->place_of_word[word] = (uint32_t)(next - touched->tokens);
        next = list_bits(next, touched->bitmap[word], word * WORD_BITS);
    }
    touched->count = (size_t)(next - touched->tokens);
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
    enum status status = STATUS_OK;
    size_t words = word_count(touched->vocabulary);
    size_t used_words = word_count(words);
    memset(touched->bitmap, 0, words * sizeof *touched->bitmap);
    memset(touched->used_bitmap, 0, used_words * sizeof *touched->used_bitmap);
    for (size_t i = 0; i < touched->inputs; i++) {
        set_bit(touched->bitmap, inputs[i]);
        set_bit(touched->used_bitmap, inputs[i] / WORD_BITS);
    }
    TRY(comm_workers_or_u64(comm, touched->used_bitmap, used_words, error));
    uint32_t *end = touched->used;
    for (size_t i = 0; i < used_words; i++)
        end = list_bits(end, touched->used_bitmap[i], i * WORD_BITS);
    size_t used_count = (size_t)(end - touched->used);
    if (comm->workers > 1)
        TRY(join_words(touched, comm, used_count, error));
    list_tokens(touched, used_count);
    for (size_t i = 0; i < touched->inputs; i++)
        touched->row_of_input[i] = place_of(touched, inputs[i]);
done:
    return status;
}

/* Numbers of touched rows that come before number `place` of the table. */
static size_t numbers_before(const struct touched_rows *touched, size_t row_size, size_t place)
{
    size_t i = 0;
    while (i < touched->count && (touched->tokens[i] + (size_t)1) * row_size <= place)
        i++;
    size_t row = i < touched->count ? touched->tokens[i] * row_size : place;
    return i * row_size + (place > row ? place - row : 0);
}

struct range touched_rows_within(const struct touched_rows *touched, size_t row_size, struct range part)
{
    size_t first = numbers_before(touched, row_size, part.first);
    return (struct range){first, numbers_before(touched, row_size, part.first + part.count) - first};
}

void touched_rows_prefetch(const struct touched_rows *touched, size_t place, const float *table,
                           size_t row_size)
{
    if (place >= touched->count)
        return;
    /* Where the one behind it lies is looked up meanwhile: that may take as long as to fetch it. */
    if (place + 1 < touched->count)
        __builtin_prefetch(table + touched->tokens[place + 1] * row_size, 1);
    const float *row = table + touched->tokens[place] * row_size;
    for (size_t i = 0; i < row_size; i += MEMORY_LINE_FLOATS)
        __builtin_prefetch(row + i, 1);
}
