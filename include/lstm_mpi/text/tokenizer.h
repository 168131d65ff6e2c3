#ifndef LSTM_MPI_TEXT_TOKENIZER_H
#define LSTM_MPI_TEXT_TOKENIZER_H

/* What a token is. A text is cleaned as the rules say, and then falls into tokens without gaps. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOKEN_SPELL_BYTES = 4 };

/* Some consecutive tokens. A token is one number: its code point where tokens are characters or bytes, its
 * length in bytes where they are words. */
struct portion {
    const unsigned char *text; /* of the first token, the others follow without gaps */
    const uint32_t *tokens;
    size_t count;
};

/* Takes the tokens of a text, portion by portion; a view each. What it returns ends the cutting unless it is
 * STATUS_OK. */
typedef enum status token_sink(void *context, const struct portion *portion, struct error *error);

struct cutter;

struct tokenizer_ops {
    const char *name;   /* as in --token NAME */
    const char *plural; /* "characters" */

    /* Tokens are code points below this number; 0: they are words. */
    size_t code_points;

    /* The bytes are a text in UTF-8, with lines that may end in CRLF. */
    bool needs_utf8;

    /* What a token is depends on what stands around it, in a text without a border (see cutter.h). */
    bool needs_context;

    /* Cuts clean text. */
    enum status (*cut)(struct cutter *cutter, const unsigned char *text, size_t bytes, token_sink *sink,
                       void *context, struct error *error);

    /* Writes the bytes of the token with this code point. Returns how many; 0: there is no such token. NULL
     * for words. */
    size_t (*spell)(unsigned char text[TOKEN_SPELL_BYTES], uint32_t code_point);
};

/* Every kind of token, the default first, and their names as in --token NAME with a NULL behind the last. */
extern const struct tokenizer_ops *const tokenizers[];
extern const char *const tokenizer_names[];
extern const size_t tokenizer_count;

/* NULL where there is none of that name. */
const struct tokenizer_ops *tokenizer_find(const char *name);

/* How a text becomes tokens: newlines are dropped first, then letters become small ones, then tokens are cut.
 */
struct token_rules {
    const struct tokenizer_ops *tokenizer;
    bool drop_newlines; /* every U+000A and U+000D */
    bool lowercase;     /* by Unicode's full mapping, whatever the locale */
};

#endif
