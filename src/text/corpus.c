/* A block is read together with some bytes around it, so that what lies across its borders is seen whole:
 *
 *            block b - 1           |               block b               |       block b + 1
 *     ... E6 88 91 E6 9C 89 E5 89  |  91 0D 0A E4 BD A0 E6 98 AF E5 89   |  91 0D 0A ...
 *                        in reach  |                                     |  in reach
 *
 * A character belongs to the block in which it begins, and so does the CR that is dropped before LF. */

#include "corpus_private.h"

#include "corpus_builtin.h"
#include "lstm_mpi/base/digest.h"
#include "lstm_mpi/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKENS_AT_ONCE = 1024, BYTE_ORDER_MARK_BYTES = 3 };

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
};

/* A block within its surroundings: text[begin] to text[end - 1] of text[0] to text[bytes - 1]. */
struct piece {
    const struct text_file *file;
    const unsigned char *text;
    size_t bytes;
    size_t begin;
    size_t end;
    size_t offset; /* of text[0] in the file */
};

typedef void token_sink(void *context, const struct token *tokens, size_t count);

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

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

static enum status not_utf8(const struct piece *piece, size_t position, struct error *error)
{
    error_set(error, STATUS_FAILED, "the corpus %s is no UTF-8", piece->file->path);
    error_why(error, "at byte offset %zu, counted from 0, stands 0x%02X", piece->offset + position,
              piece->text[position]);
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
                               size_t block_bytes, struct error *error)
{
    *out = NULL;
    struct corpus *corpus = NULL;
    enum status status;
    TRY(memory_new(&corpus, 1, error));
    corpus->block_bytes = block_bytes;
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

enum status corpus_open(struct corpus **out, const char *const *paths, size_t count, struct error *error)
{
    return corpus_open_blocks(out, paths, count, DIGEST_BLOCK_BYTES, error);
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
static enum status read_piece(struct corpus *corpus, const struct piece *piece, struct error *error)
{
    enum status status;
    struct stat facts = {0};
    TRY(memory_grow(&corpus->buffer, &corpus->buffer_bytes, piece->bytes, error));
    TRY(open_file(corpus, piece->file, &facts, error));
    if ((size_t)facts.st_size != piece->file->bytes)
        TRY(has_changed(piece->file, error));
    for (size_t done_bytes = 0; done_bytes < piece->bytes;) {
        ssize_t got = pread(corpus->descriptor, corpus->buffer + done_bytes, piece->bytes - done_bytes,
                            (off_t)(piece->offset + done_bytes));
        if (got == 0)
            TRY(has_changed(piece->file, error));
        if (got < 0 && errno != EINTR)
            TRY(cannot_read(piece->file, errno, error));
        done_bytes += got > 0 ? (size_t)got : 0;
    }
done:
    return status;
}

/* Puts a block and `context` bytes on either side, as far as its file has them, in reach. */
static enum status load_block(struct corpus *corpus, size_t block, size_t context, struct piece *piece,
                              struct error *error)
{
    const struct text_file *file = file_of_block(corpus, block);
    size_t first = (block - file->first_block) * corpus->block_bytes;
    size_t bytes = smaller(corpus->block_bytes, file->bytes - first);
    size_t before = smaller(context, first);
    size_t behind = smaller(context, file->bytes - first - bytes);
    *piece = (struct piece){
        .file = file,
        .bytes = before + bytes + behind,
        .begin = before,
        .end = before + bytes,
        .offset = first - before,
    };
    if (file->memory) {
        piece->text = file->memory + piece->offset;
        return STATUS_OK;
    }
    enum status status = read_piece(corpus, piece, error);
    piece->text = corpus->buffer;
    return status;
}

static uint64_t piece_digest(const struct piece *piece)
{
    return digest_of(piece->text + piece->begin, piece->end - piece->begin);
}

/* Where the next CR that LF follows stands, at or behind `position`; the end of the text where none does. */
static size_t next_line_end(const struct piece *piece, size_t position)
{
    while (position < piece->bytes) {
        const unsigned char *found = memchr(piece->text + position, '\r', piece->bytes - position);
        if (!found)
            break;
        position = (size_t)(found - piece->text);
        if (position + 1 < piece->bytes && piece->text[position + 1] == '\n')
            return position;
        position++;
    }
    return piece->bytes;
}

static size_t first_token(const struct piece *piece, const struct tokenizer_ops *tokenizer)
{
    static const unsigned char mark[BYTE_ORDER_MARK_BYTES] = {0xEF, 0xBB, 0xBF};
    if (piece->offset + piece->begin == 0 && piece->bytes >= sizeof mark &&
        memcmp(piece->text, mark, sizeof mark) == 0)
        return sizeof mark;
    return tokenizer->begin(piece->text, piece->bytes, piece->begin);
}

/* Hands the tokens that begin in the block to `sink`. Clean text lies between the CRs that are dropped, and
 * no token reaches over one: the stretches are cut one by one, where they lie. */
static enum status cut_block(const struct piece *piece, const struct tokenizer_ops *tokenizer,
                             token_sink *sink, void *context, struct error *error)
{
    struct token tokens[TOKENS_AT_ONCE];
    size_t position = first_token(piece, tokenizer);
    while (position < piece->end) {
        size_t stretch_end = next_line_end(piece, position);
        struct cut cut = {
            .text = piece->text,
            .bytes = stretch_end,
            .border = smaller(stretch_end, piece->end),
            .position = position,
        };
        size_t count;
        do {
            count = tokenizer->next(&cut, tokens, TOKENS_AT_ONCE);
            sink(context, tokens, count);
        } while (count == TOKENS_AT_ONCE);
        if (cut.position < cut.border)
            return not_utf8(piece, cut.position, error);
        position = cut.position == stretch_end ? stretch_end + 1 : cut.position;
    }
    return STATUS_OK;
}

static size_t context_of(const struct tokenizer_ops *tokenizer)
{
    return tokenizer->context_bytes > BYTE_ORDER_MARK_BYTES ? tokenizer->context_bytes
                                                            : BYTE_ORDER_MARK_BYTES;
}

struct counting {
    struct token_counts *counts;
    uint64_t tokens;
};

static void count_tokens(void *context, const struct token *tokens, size_t count)
{
    struct counting *counting = context;
    token_counts_add(counting->counts, tokens, count);
    counting->tokens += count;
}

enum status corpus_scan_block(struct corpus *corpus, size_t block, struct token_counts *counts,
                              struct corpus_block *info, struct error *error)
{
    struct piece piece;
    struct counting counting = {.counts = counts};
    enum status status;
    TRY(load_block(corpus, block, context_of(counts->tokenizer), &piece, error));
    TRY(cut_block(&piece, counts->tokenizer, count_tokens, &counting, error));
    *info = (struct corpus_block){.tokens = counting.tokens, .digest = piece_digest(&piece)};
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

/* Where the tokens [first, end) go; `token` is the number of the next one to come. */
struct encoding {
    const struct vocabulary *vocabulary;
    uint32_t *ids;
    uint64_t first;
    uint64_t end;
    uint64_t token;
};

static void encode_tokens(void *context, const struct token *tokens, size_t count)
{
    struct encoding *encoding = context;
    uint64_t next = encoding->token + count;
    uint64_t from = encoding->token > encoding->first ? encoding->token : encoding->first;
    uint64_t to = next < encoding->end ? next : encoding->end;
    if (from < to) {
        vocabulary_encode(encoding->vocabulary, encoding->ids + (from - encoding->first),
                          tokens + (from - encoding->token), to - from);
    }
    encoding->token = next;
}

static enum status encode_block(struct corpus *corpus, size_t block, const struct corpus_block *info,
                                struct encoding *encoding, struct error *error)
{
    const struct tokenizer_ops *tokenizer = vocabulary_tokenizer(encoding->vocabulary);
    struct piece piece;
    enum status status;
    TRY(load_block(corpus, block, context_of(tokenizer), &piece, error));
    if (piece_digest(&piece) != info->digest)
        TRY(has_changed(piece.file, error));
    TRY(cut_block(&piece, tokenizer, encode_tokens, encoding, error));
done:
    return status;
}

enum status corpus_encode(struct corpus *corpus, const struct corpus_block *blocks,
                          const struct vocabulary *vocabulary, uint64_t first, size_t count, uint32_t *ids,
                          struct error *error)
{
    enum status status = STATUS_OK;
    struct encoding encoding = {.vocabulary = vocabulary, .ids = ids, .first = first, .end = first + count};
    uint64_t token = 0;
    for (size_t block = 0; block < corpus->block_count && token < encoding.end; block++) {
        encoding.token = token;
        token += blocks[block].tokens;
        if (token > first)
            TRY(encode_block(corpus, block, &blocks[block], &encoding, error));
    }
    assert(token >= encoding.end);
done:
    return status;
}
