/* A token is a segment between two word boundaries of Unicode Standard Annex #29: a word, a number, a run of
 * spaces, a punctuation mark, an ideograph. A long one is cut, so that a text without spaces does not become
 * a token. */

#include "cutter.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/text/utf8.h"
#include "tokenizer_table.h"

#include <uniwbrk.h>

enum { LONGEST_WORD_BYTES = 64 };

/* Words on their way to the sink. */
struct collection {
    struct portion portion;
    uint32_t lengths[TOKENS_AT_ONCE];
    token_sink *sink;
    void *context;
};

static enum status hand_over(struct collection *collection, const unsigned char *next, struct error *error)
{
    struct portion portion = collection->portion;
    collection->portion.text = next;
    collection->portion.count = 0;
    return portion.count > 0 ? collection->sink(collection->context, &portion, error) : STATUS_OK;
}

/* The bytes of a segment's next token. */
static size_t token_bytes(const unsigned char *segment, size_t bytes)
{
    if (bytes <= LONGEST_WORD_BYTES)
        return bytes;
    size_t length = LONGEST_WORD_BYTES;
    while (utf8_continues(segment[length]))
        length--;
    return length;
}

static enum status add_segment(struct collection *collection, const unsigned char *segment, size_t bytes,
                               struct error *error)
{
    enum status status = STATUS_OK;
    while (bytes > 0) {
        size_t length = token_bytes(segment, bytes);
        collection->lengths[collection->portion.count++] = (uint32_t)length;
        segment += length;
        bytes -= length;
        if (collection->portion.count == TOKENS_AT_ONCE)
            TRY(hand_over(collection, segment, error));
    }
done:
    return status;
}

static enum status word_cut(struct cutter *cutter, const unsigned char *text, size_t bytes, token_sink *sink,
                            void *context, struct error *error)
{
    enum status status;
    struct collection collection = {.sink = sink, .context = context};
    collection.portion = (struct portion){text, collection.lengths, 0};
    TRY(memory_grow(&cutter->breaks, &cutter->breaks_bytes, bytes, error));
    u8_wordbreaks(text, bytes, cutter->breaks);
    size_t begin = 0;
    for (size_t end = 1; end <= bytes; end++) {
        if (end < bytes && !cutter->breaks[end])
            continue;
        TRY(add_segment(&collection, text + begin, end - begin, error));
        begin = end;
    }
    TRY(hand_over(&collection, text + bytes, error));
done:
    return status;
}

const struct tokenizer_ops tokenizer_word = {
    .name = "word",
    .plural = "words",
    .needs_utf8 = true,
    .needs_context = true,
    .cut = word_cut,
};
