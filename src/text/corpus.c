/* Each block has a piece of the text, from the first border at or behind its beginning to the first one at or
 * behind its end. A block is read together with what lies around it, so that both blocks of a border see it:
 *
 *            block b - 1           |               block b               |       block b + 1
 *     ... E6 88 91 E6 9C 89 E5 89  |  91 0D 0A E4 BD A0 E6 98 AF E5 89   |  91 0D 0A ...
 *                           before |     |---------- piece b ---------------->|  in reach
 */

#include "corpus_private.h"

#include "corpus_builtin.h"
#include "cutter.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/text/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct text_file {
    char *path;
    const unsigned char *memory; /* the built-in text; NULL: on disk */
    size_t bytes;
    size_t first_block;
    size_t blocks;
};

struct corpus {
    struct text_file *files;
    size_t file_count;
    size_t block_bytes;
    size_t block_count;
    uint64_t bytes;

    const struct text_file *opened; /* the file behind the descriptor */
    int descriptor;
    unsigned char *buffer; /* a block and what lies around it */
    size_t buffer_bytes;
    struct cutter cutter;
};

/* A block within its surroundings: text[begin] to text[end - 1] of text[0] to text[bytes - 1]. */
struct window {
    const struct text_file *file;
    const unsigned char *text;
    size_t bytes;
    size_t begin;
    size_t end;
    size_t offset; /* of text[0] in the file */
};

static enum status cannot_read(const struct text_file *file, int error_number, struct error *error)
{
    return error_system(error, error_number, "cannot read the corpus %s", file->path);
}

static enum status has_changed(const struct text_file *file, struct error *error)
{
    error_set(error, STATUS_FAILED, "the corpus %s has changed", file->path);
    error_why(error, "its bytes are not those of the start of this run");
    return error_remedy(error, "start again when nothing writes to it");
}

static enum status not_utf8(const struct window *window, size_t position, struct error *error)
{
    error_set(error, STATUS_FAILED, "the corpus %s is no UTF-8", window->file->path);
    error_why(error, "at byte offset %zu, counted from 0, stands 0x%02X", window->offset + position,
              window->text[position]);
    return error_remedy(error, "convert it, for example with iconv -t UTF-8");
}

static void close_file(struct corpus *corpus)
{
    if (corpus->opened)
        close(corpus->descriptor);
    corpus->opened = NULL;
}

/* Makes `file` the opened one and tells what it is. However many files, one is open at a time. */
static enum status open_file(struct corpus *corpus, const struct text_file *file, struct stat *facts,
                             struct error *error)
{
    if (corpus->opened != file) {
        close_file(corpus);
        /* A named pipe must not keep us waiting for someone to write. */
        corpus->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (corpus->descriptor < 0)
            return cannot_read(file, errno, error);
        corpus->opened = file;
    }
    return fstat(corpus->descriptor, facts) == 0 ? STATUS_OK : cannot_read(file, errno, error);
}

static enum status add_file(struct corpus *corpus, const char *path, struct error *error)
{
    struct text_file *file = &corpus->files[corpus->file_count];
    enum status status;
    TRY(memory_copy_text(&file->path, path, error));
    corpus->file_count++;
    struct stat facts = {0};
    TRY(open_file(corpus, file, &facts, error));
    if (S_ISDIR(facts.st_mode))
        TRY(cannot_read(file, EISDIR, error));
    if (!S_ISREG(facts.st_mode)) {
        error_set(error, STATUS_FAILED, "cannot read the corpus %s", path);
        error_why(error, "it is no regular file");
        TRY(error_remedy(error, "write its text to a file first"));
    }
    file->bytes = (size_t)facts.st_size;
done:
    return status;
}

static enum status add_builtin(struct corpus *corpus, struct error *error)
{
    struct text_file *file = &corpus->files[corpus->file_count++];
    file->memory = corpus_builtin_text;
    file->bytes = corpus_builtin_bytes;
    return memory_copy_text(&file->path, "built into the program", error);
}

static void number_blocks(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->file_count; i++) {
        struct text_file *file = &corpus->files[i];
        file->first_block = corpus->block_count;
        file->blocks = file->bytes / corpus->block_bytes + (file->bytes % corpus->block_bytes > 0);
        corpus->block_count += file->blocks;
        corpus->bytes += file->bytes;
    }
}

enum status corpus_open_blocks(struct corpus **out, const char *const *paths, size_t count,
                               const struct token_rules *rules, size_t block_bytes, struct error *error)
{
    *out = NULL;
    struct corpus *corpus = NULL;
    enum status status;
    TRY(memory_new(&corpus, 1, error));
    corpus->block_bytes = block_bytes;
    corpus->cutter.rules = *rules;
    TRY(memory_new(&corpus->files, count ? count : 1, error));
    for (size_t i = 0; i < count; i++)
        TRY(add_file(corpus, paths[i], error));
    if (count == 0)
        TRY(add_builtin(corpus, error));
    number_blocks(corpus);
    if (corpus->bytes == 0) {
        error_set(error, STATUS_FAILED, "the corpus is empty");
        if (count > 1)
            error_why(error, "%s and the %zu files after it hold no byte", paths[0], count - 1);
        else
            error_why(error, "%s holds no byte", paths[0]);
        TRY(error_remedy(error, "name a file that holds a text"));
    }
    *out = corpus;
    corpus = NULL;
done:
    corpus_close(corpus);
    return status;
}

enum status corpus_open(struct corpus **out, const char *const *paths, size_t count,
                        const struct token_rules *rules, struct error *error)
{
    return corpus_open_blocks(out, paths, count, rules, DIGEST_BLOCK_BYTES, error);
}

void corpus_close(struct corpus *corpus)
{
    if (!corpus)
        return;
    close_file(corpus);
    for (size_t i = 0; i < corpus->file_count; i++)
        memory_free(corpus->files[i].path);
    memory_free(corpus->files);
    memory_free(corpus->buffer);
    cutter_free(&corpus->cutter);
    memory_free(corpus);
}

size_t corpus_block_count(const struct corpus *corpus)
{
    return corpus->block_count;
}

uint64_t corpus_bytes(const struct corpus *corpus)
{
    return corpus->bytes;
}

static const struct text_file *file_of_block(const struct corpus *corpus, size_t block)
{
    const struct text_file *file = corpus->files;
    while (block - file->first_block >= file->blocks)
        file++;
    return file;
}

/* Fills the buffer from the file, which must still be as long as it was. */
static enum status read_window(struct corpus *corpus, const struct window *window, struct error *error)
{
    enum status status;
    struct stat facts = {0};
    TRY(memory_grow(&corpus->buffer, &corpus->buffer_bytes, window->bytes, error));
    TRY(open_file(corpus, window->file, &facts, error));
    if ((size_t)facts.st_size != window->file->bytes)
        TRY(has_changed(window->file, error));
    for (size_t done_bytes = 0; done_bytes < window->bytes;) {
        ssize_t got = pread(corpus->descriptor, corpus->buffer + done_bytes, window->bytes - done_bytes,
                            (off_t)(window->offset + done_bytes));
        if (got == 0)
            TRY(has_changed(window->file, error));
        if (got < 0 && errno != EINTR)
            TRY(cannot_read(window->file, errno, error));
        done_bytes += got > 0 ? (size_t)got : 0;
    }
done:
    return status;
}

/* Puts a block, and around it what a border depends on, as far as its file has it, in reach. */
static enum status load_block(struct corpus *corpus, size_t block, struct window *window, struct error *error)
{
    const struct text_file *file = file_of_block(corpus, block);
    size_t first = (block - file->first_block) * corpus->block_bytes;
    size_t bytes = smaller(corpus->block_bytes, file->bytes - first);
    size_t before = smaller(CUTTER_BEFORE, first);
    size_t behind = smaller(cutter_reach(&corpus->cutter.rules), file->bytes - first - bytes);
    *window = (struct window){
        .file = file,
        .bytes = before + bytes + behind,
        .begin = before,
        .end = before + bytes,
        .offset = first - before,
    };
    if (file->memory) {
        window->text = file->memory + window->offset;
        return STATUS_OK;
    }
    enum status status = read_window(corpus, window, error);
    window->text = corpus->buffer;
    return status;
}

static uint64_t block_digest(const struct window *window)
{
    return digest_of(window->text + window->begin, window->end - window->begin);
}

static size_t byte_order_mark(const unsigned char *text, size_t bytes)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    return bytes >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

/* Where the last character begins of which a block that has been checked holds a part. */
static size_t last_character(const struct window *window, size_t begin, size_t end)
{
    size_t position = smaller(window->end, end);
    while (position > begin && utf8_continues(window->text[position - 1]))
        position--;
    return position > begin ? position - 1 : begin;
}

/* Hands the tokens of the block's piece to `sink`. `is_checked`: the bytes of the block, though not what lies
 * behind it, have been found good before. */
static enum status cut_block(struct corpus *corpus, const struct window *window, bool is_checked,
                             token_sink *sink, void *context, struct error *error)
{
    const struct token_rules *rules = &corpus->cutter.rules;
    size_t begin = cutter_border(rules, window->text, window->bytes, window->begin);
    size_t end = cutter_border(rules, window->text, window->bytes, window->end);
    size_t from = is_checked ? last_character(window, begin, end) : begin;
    size_t good = cutter_check(rules, window->text + from, end - from);
    if (good < end - from)
        return not_utf8(window, from + good, error);
    if (window->offset + begin == 0 && rules->tokenizer->needs_utf8)
        begin += byte_order_mark(window->text, end);
    return cutter_cut(&corpus->cutter, window->text + begin, end - begin, sink, context, error);
}

struct counting {
    struct token_counts *counts; /* NULL: the number of tokens alone */
    uint64_t tokens;
};

static enum status count_tokens(void *context, const struct portion *portion, struct error *error)
{
    struct counting *counting = context;
    counting->tokens += portion->count;
    return counting->counts ? token_counts_add(counting->counts, portion, error) : STATUS_OK;
}

enum status corpus_scan_block(struct corpus *corpus, size_t block, struct token_counts *counts,
                              struct corpus_block *info, struct error *error)
{
    struct window window;
    struct counting counting = {.counts = counts};
    enum status status;
    TRY(load_block(corpus, block, &window, error));
    TRY(cut_block(corpus, &window, false, count_tokens, &counting, error));
    *info = (struct corpus_block){.tokens = counting.tokens, .digest = block_digest(&window)};
done:
    return status;
}

uint64_t corpus_tokens(const struct corpus_block *blocks, size_t count)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += blocks[i].tokens;
    return tokens;
}

uint64_t corpus_digest(const struct corpus_block *blocks, size_t count)
{
    uint64_t digest = count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t link[] = {digest, blocks[i].digest};
        digest = digest_of(link, sizeof link);
    }
    return digest;
}

struct range corpus_blocks_of(const struct corpus_block *blocks, size_t count, uint64_t first, uint64_t end)
{
    struct range range = {0};
    uint64_t token = 0;
    for (size_t block = 0; block < count && token < end; block++) {
        token += blocks[block].tokens;
        if (token <= first)
            range.first = block + 1;
        else
            range.count++;
    }
    return range;
}

/* An encoding under way; `token` is the number of the next one to come. */
struct encoder {
    const struct encoding *encoding;
    uint64_t token;
};

static uint32_t characters_of(const unsigned char *text, size_t bytes)
{
    uint32_t characters = 0;
    for (size_t i = 0; i < bytes; i++)
        characters += (text[i] & 0xC0) != 0x80;
    return characters;
}

/* Of the tokens [from, to) of a portion. */
static void count_characters(const struct tokenizer_ops *tokenizer, const struct portion *portion,
                             size_t from, size_t to, uint32_t *characters)
{
    bool single = tokenizer->code_points > 0 && tokenizer->needs_utf8;
    const unsigned char *text = portion->text;
    for (size_t i = 0; i < to; i++) {
        size_t bytes = tokenizer->code_points > 0 ? 1 : portion->tokens[i];
        if (i >= from)
            characters[i - from] = single ? 1 : characters_of(text, bytes);
        text += single ? 0 : bytes;
    }
}

static enum status encode_tokens(void *context, const struct portion *portion, struct error *error)
{
    (void)error;
    struct encoder *encoder = context;
    const struct encoding *encoding = encoder->encoding;
    uint64_t next = encoder->token + portion->count;
    uint64_t from = encoder->token > encoding->first ? encoder->token : encoding->first;
    uint64_t to = next < encoding->end ? next : encoding->end;
    if (from < to) {
        vocabulary_encode(encoding->vocabulary, token_ids_from(encoding->ids, from - encoding->first),
                          portion, from - encoder->token, to - from);
        if (encoding->characters)
            count_characters(vocabulary_rules(encoding->vocabulary)->tokenizer, portion,
                             from - encoder->token, to - encoder->token,
                             encoding->characters + (from - encoding->first));
    }
    encoder->token = next;
    return STATUS_OK;
}

enum status corpus_encode_block(struct corpus *corpus, size_t block, const struct corpus_block *info,
                                uint64_t first_token, const struct encoding *encoding, struct error *error)
{
    struct window window;
    struct encoder encoder = {encoding, first_token};
    enum status status;
    TRY(load_block(corpus, block, &window, error));
    if (block_digest(&window) != info->digest)
        TRY(has_changed(window.file, error));
    TRY(cut_block(corpus, &window, true, encode_tokens, &encoder, error));
    /* What lies behind the block is covered by no digest here. */
    if (encoder.token != first_token + info->tokens)
        TRY(has_changed(window.file, error));
done:
    return status;
}
