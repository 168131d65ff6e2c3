/* A token is a Unicode code point. */

#include "lstm_mpi/text/utf8.h"
#include "tokenizer_table.h"

static size_t char_begin(const unsigned char *text, size_t bytes, size_t position)
{
    for (size_t back = 1; back < UTF8_MAX_BYTES && back <= position; back++) {
        size_t start = position - back;
        if (utf8_continues(text[start]))
            continue;
        uint32_t code_point;
        size_t length = utf8_decode(&code_point, text + start, bytes - start);
        return length > back ? start + length : position;
    }
    return position;
}

static size_t char_next(struct cut *cut, struct token *tokens, size_t capacity)
{
    size_t position = cut->position;
    size_t count = 0;
    while (count < capacity && position < cut->border) {
        struct token token = {.code_point = cut->text[position], .bytes = 1};
        if (token.code_point >= 0x80) {
            token.bytes =
                (uint32_t)utf8_decode(&token.code_point, cut->text + position, cut->bytes - position);
            if (token.bytes == 0)
                break;
        }
        tokens[count++] = token;
        position += token.bytes;
    }
    cut->position = position;
    return count;
}

static size_t char_spell(unsigned char text[TOKEN_SPELL_BYTES], uint32_t code_point)
{
    return utf8_encode(text, code_point);
}

const struct tokenizer_ops tokenizer_char = {
    .name = "char",
    .code_points = UTF8_CODE_POINTS,
    .context_bytes = UTF8_MAX_BYTES - 1,
    .begin = char_begin,
    .next = char_next,
    .spell = char_spell,
};
