/* A border is certain where no rule for words (Unicode Standard Annex #29) and none for small letters looks
 * across it, whatever stands before and behind: after a newline, a space, or a character that joins no other,
 * such as an ideograph or most punctuation, unless what follows is a mark that belongs to it.
 *
 *     no rule joins those to what follows but WB3 (CR LF), WB3d (space space) and WB4 (marks)
 *     only a sigma has a small letter that depends on its surroundings: on the nearest letters, with
 * characters between them that are ignored. A character that is neither ends the search. */

#include "cutter.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uniwbrk.h>

/* Of a text without a certain border; a multiple of what people write between two spaces. */
enum { CERTAIN_REACH = 1 << 14 };

static bool needs_certain_border(const struct token_rules *rules)
{
    return rules->tokenizer->needs_context || rules->lowercase;
}

size_t cutter_reach(const struct token_rules *rules)
{
    return (needs_certain_border(rules) ? CERTAIN_REACH : 0) + UTF8_MAX_BYTES;
}

static bool is_newline(uint32_t code_point)
{
    return code_point == '\r' || code_point == '\n';
}

static bool is_certain(const struct token_rules *rules, uint32_t before, uint32_t behind)
{
    if (rules->drop_newlines && (is_newline(before) || is_newline(behind)))
        return false;
    /* Of CR CR LF, a CR LF stays. */
    if (before == '\r' && is_newline(behind))
        return false;
    int next = uc_wordbreak_property(behind);
    if (next == WBP_EXTEND || next == WBP_FORMAT || next == WBP_ZWJ)
        return false;
    switch (uc_wordbreak_property(before)) {
    case WBP_CR:
    case WBP_LF:
    case WBP_NEWLINE:
    case WBP_OTHER:
        break;
    case WBP_WSS:
        if (next == WBP_WSS)
            return false;
        break;
    default:
        return false;
    }
    return !uc_is_property_cased(before) && !uc_is_property_case_ignorable(before);
}

/* The character that ends where `position` stands; false where none does. */
static bool decode_before(const unsigned char *text, size_t position, uint32_t *code_point)
{
    for (size_t length = 1; length <= UTF8_MAX_BYTES && length <= position; length++) {
        if (!utf8_continues(text[position - length]))
            return utf8_decode(code_point, text + position - length, length) == length;
    }
    return false;
}

static bool certain_border(const struct token_rules *rules, const unsigned char *text, size_t bytes,
                           size_t position, size_t *border)
{
    size_t reach = bytes - position > CERTAIN_REACH ? CERTAIN_REACH : bytes - position;
    uint32_t before;
    uint32_t behind;
    *border = position;
    for (size_t last = position + reach; *border < last; ++*border) {
        if (utf8_decode(&behind, text + *border, bytes - *border) > 0 &&
            decode_before(text, *border, &before) && is_certain(rules, before, behind))
            return true;
    }
    return *border == bytes;
}

/* Where the next character begins, not between CR and LF. No more is skipped than a character can have. */
static size_t character_border(const unsigned char *text, size_t bytes, size_t position)
{
    size_t border = position;
    while (border < bytes && border - position < UTF8_MAX_BYTES - 1 && utf8_continues(text[border]))
        border++;
    if (border > 0 && border < bytes && text[border - 1] == '\r' && text[border] == '\n')
        border++;
    return border;
}

size_t cutter_border(const struct token_rules *rules, const unsigned char *text, size_t bytes,
                     size_t position)
{
    size_t border;
    if (position == 0 || position == bytes)
        return position;
    if (needs_certain_border(rules) && certain_border(rules, text, bytes, position, &border))
        return border;
    return rules->tokenizer->needs_utf8 ? character_border(text, bytes, position) : position;
}

size_t cutter_check(const struct token_rules *rules, const unsigned char *text, size_t bytes)
{
    return rules->tokenizer->needs_utf8 ? utf8_check(text, bytes) : bytes;
}

/* A text on its way through the clean-up: as it came, or in cutter->clean. */
struct stretch {
    const unsigned char *text;
    size_t bytes;
};

/* Moves the text without its CRs, or those before an LF alone, and without LFs if they go too. */
static size_t copy_without_newlines(unsigned char *out, const struct stretch *in, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < in->bytes; i++) {
        unsigned char byte = in->text[i];
        bool before_newline = byte == '\r' && i + 1 < in->bytes && in->text[i + 1] == '\n';
        if (all ? !is_newline(byte) : !before_newline)
            out[kept++] = byte;
    }
    return kept;
}

static enum status clean_newlines(struct cutter *cutter, struct stretch *stretch, struct error *error)
{
    const struct token_rules *rules = &cutter->rules;
    if (!rules->drop_newlines &&
        (!rules->tokenizer->needs_utf8 || !memchr(stretch->text, '\r', stretch->bytes)))
        return STATUS_OK;
    enum status status = memory_grow(&cutter->clean, &cutter->clean_bytes, stretch->bytes, error);
    if (status == STATUS_OK) {
        stretch->bytes = copy_without_newlines(cutter->clean, stretch, rules->drop_newlines);
        stretch->text = cutter->clean;
    }
    return status;
}

static enum status append(struct cutter *cutter, size_t used, const unsigned char *text, size_t bytes,
                          struct error *error)
{
    enum status status = memory_grow(&cutter->lower, &cutter->lower_bytes, used + bytes, error);
    if (status == STATUS_OK)
        memcpy(cutter->lower + used, text, bytes);
    return status;
}

/* Appends good UTF-8 in small letters to the first `*used` bytes of cutter->lower. */
static enum status append_lower(struct cutter *cutter, size_t *used, const unsigned char *text, size_t bytes,
                                struct error *error)
{
    enum status status;
    /* Few characters grow: a small dotless i is longer than its capital, and a dotted capital gains a mark.
     */
    TRY(memory_grow(&cutter->lower, &cutter->lower_bytes, *used + 2 * bytes, error));
    size_t length = 2 * bytes;
    uint8_t *room = cutter->lower + *used;
    uint8_t *lower = u8_tolower(text, bytes, NULL, NULL, room, &length);
    if (!lower)
        TRY(error_system(error, errno, "cannot make letters small"));
    if (lower != room) {
        status = append(cutter, *used, lower, length, error);
        free(lower);
    }
    *used += length;
done:
    return status;
}

static void lower_ascii(unsigned char *out, const unsigned char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(text[i] + (text[i] >= 'A' && text[i] <= 'Z' ? 'a' - 'A' : 0));
}

/* Bytes that are no UTF-8 stay as they are. */
static enum status make_lower(struct cutter *cutter, struct stretch *stretch, struct error *error)
{
    enum status status = STATUS_OK;
    size_t used = 0;
    if (!cutter->rules.lowercase)
        return STATUS_OK;
    TRY(memory_grow(&cutter->lower, &cutter->lower_bytes, stretch->bytes, error));
    size_t position = utf8_ascii_prefix(stretch->text, stretch->bytes);
    if (position == stretch->bytes) {
        lower_ascii(cutter->lower, stretch->text, position);
        used = position;
    } else {
        position = 0; /* the letters before may matter to a sigma */
    }
    while (position < stretch->bytes) {
        size_t good = utf8_check(stretch->text + position, stretch->bytes - position);
        if (good > 0)
            TRY(append_lower(cutter, &used, stretch->text + position, good, error));
        position += good;
        if (position < stretch->bytes)
            TRY(append(cutter, used++, stretch->text + position++, 1, error));
    }
    *stretch = (struct stretch){cutter->lower, used};
done:
    return status;
}

enum status cutter_cut(struct cutter *cutter, const unsigned char *text, size_t bytes, token_sink *sink,
                       void *context, struct error *error)
{
    enum status status;
    struct stretch stretch = {text, bytes};
    TRY(clean_newlines(cutter, &stretch, error));
    TRY(make_lower(cutter, &stretch, error));
    TRY(cutter->rules.tokenizer->cut(cutter, stretch.text, stretch.bytes, sink, context, error));
done:
    return status;
}

void cutter_free(struct cutter *cutter)
{
    memory_free(cutter->clean);
    memory_free(cutter->lower);
    memory_free(cutter->breaks);
    *cutter = (struct cutter){0};
}
