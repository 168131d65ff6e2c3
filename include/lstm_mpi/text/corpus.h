#ifndef LSTM_MPI_TEXT_CORPUS_H
#define LSTM_MPI_TEXT_CORPUS_H

/* The text that a model learns from: files read as one text, or the built-in story. It falls into blocks of
 * DIGEST_BLOCK_BYTES bytes, numbered through all files, the last of each file shorter. Ranks share them:
 *
 *     each scans its blocks   corpus_scan_block → counts of tokens, struct corpus_block
 *     all sum what they have  counts → vocabulary; blocks → how many tokens, corpus_digest
 *     each takes its tokens   corpus_encode → ids, reading the blocks that hold them and no others
 *
 * A token belongs to the block in which it begins. CRLF reads as LF, a lone CR stays; a byte order mark at
 * the beginning of a file is skipped; neither a character nor a CRLF reaches from one file into the next.
 * Memory is bounded by the block, whatever the length of the text. No function is collective. */

#include "lstm_mpi/base/error.h"
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
                                   struct error *error);
void corpus_close(struct corpus *corpus);

size_t corpus_block_count(const struct corpus *corpus);
uint64_t corpus_bytes(const struct corpus *corpus);

/* Adds the tokens that begin in a block to `counts` and describes the block. Fails on bytes that are no
 * tokens, naming the file and the offset in it, and on a file that is no longer as long as at corpus_open;
 * `counts` then holds a part. Of several blocks the lowest that fails has the first bad byte. */
MUST_CHECK enum status corpus_scan_block(struct corpus *corpus, size_t block, struct token_counts *counts,
                                         struct corpus_block *info, struct error *error);

/* The number of tokens of all blocks. */
uint64_t corpus_tokens(const struct corpus_block *blocks, size_t count);

/* One number for all bytes; it depends on how they fall into files. */
uint64_t corpus_digest(const struct corpus_block *blocks, size_t count);

/* Writes the ids of the tokens [first, first + count) of the whole text. `blocks` are those of the whole
 * corpus, [corpus_block_count], as scanned with the vocabulary's tokenizer. Fails on a file whose bytes are
 * no longer those that were scanned. */
MUST_CHECK enum status corpus_encode(struct corpus *corpus, const struct corpus_block *blocks,
                                     const struct vocabulary *vocabulary, uint64_t first, size_t count,
                                     uint32_t *ids, struct error *error);

#endif
