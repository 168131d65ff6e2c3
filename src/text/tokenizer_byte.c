/* A token is a byte, whatever it means. */

#include "tokenizer_table.h"

static enum status byte_cut(struct cutter *cutter, const unsigned char *text, size_t bytes, token_sink *sink,
                            void *context, struct error *error)
{
    (void)cutter;
    uint32_t tokens[TOKENS_AT_ONCE];
    enum status status = STATUS_OK;
    for (size_t position = 0; status == STATUS_OK && position < bytes;) {
        size_t count = bytes - position < TOKENS_AT_ONCE ? bytes - position : TOKENS_AT_ONCE;
        struct portion portion = {text + position, tokens, count};
        for (size_t i = 0; i < count; i++)
            tokens[i] = text[position + i];
        position += count;
        status = sink(context, &portion, error);
    }
    return status;
}

static size_t byte_spell(unsigned char text[TOKEN_SPELL_BYTES], uint32_t code_point)
{
    text[0] = (unsigned char)code_point;
    return code_point <= UINT8_MAX ? 1 : 0;
}

const struct tokenizer_ops tokenizer_byte = {
    .name = "byte",
    .plural = "bytes",
    .code_points = UINT8_MAX + 1,
    .cut = byte_cut,
    .spell = byte_spell,
};
