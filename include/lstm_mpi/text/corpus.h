#ifndef LSTM_MPI_TEXT_CORPUS_H
#define LSTM_MPI_TEXT_CORPUS_H

/* The text that a model learns from: files read as one text, or the built-in story. It falls into blocks of
 * DIGEST_BLOCK_BYTES bytes, numbered through all files, the last of each file shorter. Ranks share them:
 *
 *     each scans its blocks   corpus_scan_block → counts of tokens, struct corpus_block
 *     all sum what they have  counts → vocabulary; blocks → how many tokens, corpus_digest
 *     each takes its tokens   corpus_encode → ids, reading the blocks that hold them and no others
 *
 * Whoever scans a block gets the tokens from its border to that of the next one: the first place at or behind
 * the block's beginning where the text can be cut in two without changing a token. Tokens are thus those of
 * the whole text. (Where 16 KiB behind the beginning of a block have no such place, the next character is
 * taken for one.)
 *
 * Unless tokens are bytes, CRLF reads as LF, a lone CR stays, and a byte order mark at the beginning of a
 * file is skipped. No token reaches from one file into the next. Memory is bounded by the block, whatever the
 * length of the text. No function is collective. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/text/vocabulary.h"

#include <stddef.h>
#include <stdint.h>

struct corpus;

/* Two numbers, zero where unknown: an array of them can be summed over ranks as numbers. */
struct corpus_block {
    uint64_t tokens;
    uint64_t digest; /* of the raw bytes */
};

/* Opens the files; none (count 0): the built-in text. Fails, naming it, on a file that is missing or cannot
 * be read or is no regular file, and on a corpus without a byte. */
MUST_CHECK enum status corpus_open(struct corpus **out, const char *const *paths, size_t count,
                                   const struct token_rules *rules, struct error *error);
void corpus_close(struct corpus *corpus);

size_t corpus_block_count(const struct corpus *corpus);
uint64_t corpus_bytes(const struct corpus *corpus);

/* Adds the tokens of a block to `counts`, where that is not NULL, and describes the block. Fails on bytes
 * that cannot be read as tokens, naming the file and the offset in it, and on a file that is no longer as
 * long as at corpus_open; `counts` then holds a part. Of several blocks the lowest that fails has the first
 * bad byte. */
MUST_CHECK enum status corpus_scan_block(struct corpus *corpus, size_t block, struct token_counts *counts,
                                         struct corpus_block *info, struct error *error);

/* The number of tokens of all blocks. */
uint64_t corpus_tokens(const struct corpus_block *blocks, size_t count);

/* One number for all bytes; it depends on how they fall into files. */
uint64_t corpus_digest(const struct corpus_block *blocks, size_t count);

/* The tokens [first, end) of the whole text and where their ids go, block by block in their order. */
struct encoding {
    const struct vocabulary *vocabulary;
    uint64_t first;
    uint64_t end;
    struct token_ids ids; /* [end - first] */
    uint32_t *characters; /* [end - first], that a token consists of, or of which it has the first byte; NULL:
                             not asked for */
};

/* The blocks that hold these tokens. `blocks` are those of the whole corpus, [count], as here so below. */
struct range corpus_blocks_of(const struct corpus_block *blocks, size_t count, uint64_t first, uint64_t end);

/* Writes the ids of those tokens of the encoding that are in the block. `first_token` is the number of tokens
 * in all blocks before it. Fails on a file whose bytes are no longer those that were scanned. */
MUST_CHECK enum status corpus_encode_block(struct corpus *corpus, size_t block,
                                           const struct corpus_block *info, uint64_t first_token,
                                           const struct encoding *encoding, struct error *error);

#endif
