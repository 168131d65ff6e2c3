#include "row_text.h"

#include "lstm_mpi/base/memory.h"

#include <string.h>

/* A block is cut anew for each window in it: long windows cost memory, short ones time. */
enum { LONGEST_WINDOW = 1 << 16, WINDOWS_TOGETHER = 1 << 22 };

enum status row_text_create(struct row_text *text, struct corpus *corpus, const struct corpus_block *blocks,
                            const struct vocabulary *vocabulary, uint64_t tokens, size_t rows, size_t least,
                            struct error *error)
{
    enum status status;
    size_t window = WINDOWS_TOGETHER / rows < LONGEST_WINDOW ? WINDOWS_TOGETHER / rows : LONGEST_WINDOW;
    *text = (struct row_text){
        .corpus = corpus,
        .blocks = blocks,
        .vocabulary = vocabulary,
        .tokens = tokens,
        .window = window > least ? window : least,
    };
    TRY(memory_new(&text->held, rows, error));
    TRY(memory_new(&text->counted, rows, error));
    TRY(memory_new(&text->ids, rows * text->window, error));
    TRY(memory_new(&text->token_characters, rows * text->window, error));
done:
    return status;
}

void row_text_free(struct row_text *text)
{
    memory_free(text->held);
    memory_free(text->counted);
    memory_free(text->ids);
    memory_free(text->token_characters);
    *text = (struct row_text){0};
}

static bool holds(const struct range *held, struct range wanted)
{
    return wanted.first >= held->first && wanted.first + wanted.count <= held->first + held->count;
}

static enum status fill_window(struct row_text *text, size_t row, size_t first, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t left = text->tokens - first;
    struct range tokens = {first, left < text->window ? (size_t)left : text->window};
    struct encoding encoding = {
        .vocabulary = text->vocabulary,
        .first = first,
        .end = first + tokens.count,
        .ids = {.four_bytes = text->ids + row * text->window},
        .characters = text->token_characters + row * text->window,
    };
    struct range blocks =
        corpus_blocks_of(text->blocks, corpus_block_count(text->corpus), encoding.first, encoding.end);
    uint64_t token = corpus_tokens(text->blocks, blocks.first);
    text->held[row] = (struct range){0};
    for (size_t block = blocks.first; block < blocks.first + blocks.count; block++) {
        TRY(corpus_encode_block(text->corpus, block, &text->blocks[block], token, &encoding, error));
        token += text->blocks[block].tokens;
    }
    text->held[row] = tokens;
done:
    return status;
}

static void count_in(struct row_text *text, size_t row, struct range tokens)
{
    size_t end = tokens.first + tokens.count;
    size_t from = text->counted[row] > tokens.first ? text->counted[row] : tokens.first + 1;
    const uint32_t *characters = text->token_characters + row * text->window;
    const uint32_t *ids = text->ids + row * text->window;
    for (size_t token = from; token < end; token++) {
        size_t place = token - text->held[row].first;
        text->characters += characters[place];
        text->unknown += ids[place] == VOCABULARY_UNKNOWN;
    }
    text->counted[row] = end;
}

enum status row_text_read(void *context, size_t row, struct range tokens, uint32_t *ids, struct error *error)
{
    struct row_text *text = context;
    if (!holds(&text->held[row], tokens)) {
        enum status status = fill_window(text, row, tokens.first, error);
        if (status != STATUS_OK)
            return status;
    }
    size_t at = row * text->window + (tokens.first - text->held[row].first);
    memcpy(ids, text->ids + at, tokens.count * sizeof *ids);
    count_in(text, row, tokens);
    return STATUS_OK;
}
