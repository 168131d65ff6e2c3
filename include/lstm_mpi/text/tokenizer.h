#ifndef LSTM_MPI_TEXT_TOKENIZER_H
#define LSTM_MPI_TEXT_TOKENIZER_H

/* What a token is. A text falls into tokens without gaps; each is a short string of bytes and, where tokens
 * are single characters, a code point. */

#include <stddef.h>
#include <stdint.h>

enum { TOKEN_SPELL_BYTES = 4 };

struct token {
    uint32_t code_point;
    uint32_t bytes;
};

/* A piece of text under the knife. Tokens that begin before `border` are cut; they may end behind it. */
struct cut {
    const unsigned char *text;
    size_t bytes;    /* of text in reach, behind the border too */
    size_t border;   /* at most `bytes` */
    size_t position; /* where the next token begins */
};

struct tokenizer_ops {
    const char *name; /* as in --token NAME */

    /* Code points are below this number, and counts are kept in an array of this length. */
    size_t code_points;

    /* Bytes before and behind a piece of text that must be in reach to cut it as the whole would be cut. */
    size_t context_bytes;

    /* The first place at or behind `position` where a token begins, looking back as far as context_bytes. */
    size_t (*begin)(const unsigned char *text, size_t bytes, size_t position);

    /* Cuts up to `capacity` tokens, moving cut->position behind them, and returns how many. Fewer than
     * `capacity` with the position before the border: what stands there is no token. */
    size_t (*next)(struct cut *cut, struct token *tokens, size_t capacity);

    /* Writes the bytes of the token with this code point. Returns how many; 0: there is no such token. */
    size_t (*spell)(unsigned char text[TOKEN_SPELL_BYTES], uint32_t code_point);
};

/* Every kind of token; the default first. */
extern const struct tokenizer_ops *const tokenizers[];
extern const size_t tokenizer_count;

/* NULL where there is none of that name. */
const struct tokenizer_ops *tokenizer_find(const char *name);

#endif
