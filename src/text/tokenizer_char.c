/* A token is a Unicode code point. */

#include "lstm_mpi/text/utf8.h"
#include "tokenizer_table.h"

static enum status char_cut(struct cutter *cutter, const unsigned char *text, size_t bytes, token_sink *sink,
                            void *context, struct error *error)
{
    (void)cutter;
    uint32_t code_points[TOKENS_AT_ONCE];
    enum status status = STATUS_OK;
    for (size_t position = 0; status == STATUS_OK && position < bytes;) {
        struct portion portion = {.text = text + position, .tokens = code_points};
        portion.count = utf8_decode_all(code_points, TOKENS_AT_ONCE, text, bytes, &position);
        status = sink(context, &portion, error);
    }
    return status;
}

static size_t char_spell(unsigned char text[TOKEN_SPELL_BYTES], uint32_t code_point)
{
    return utf8_encode(text, code_point);
}

const struct tokenizer_ops tokenizer_char = {
    .name = "char",
    .plural = "characters",
    .code_points = UTF8_CODE_POINTS,
    .needs_utf8 = true,
    .cut = char_cut,
    .spell = char_spell,
};
