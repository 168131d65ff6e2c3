#ifndef LSTM_MPI_TEXT_VOCABULARY_H
#define LSTM_MPI_TEXT_VOCABULARY_H

/* Token ↔ id. Id 0 is <unk>, which stands for everything unknown; the others come by count, falling, and
 * among equals by code point. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/text/token_counts.h"

#include <stddef.h>
#include <stdint.h>

enum { VOCABULARY_UNKNOWN = 0 };

struct vocabulary;

/* The vocabulary of a text: every token that occurs, behind <unk> with count 0. */
MUST_CHECK enum status vocabulary_create(struct vocabulary **out, const struct token_counts *counts,
                                         struct error *error);

/* A vocabulary from a file, its tokens as vocabulary_shown gives them. `code_points` and `counts` may be
 * NULL: a text <0xNN> then stands for the code point NN, and counts are 0. What stands at index 0 is <unk>,
 * whatever its text. Fails on a token that is not one character, occurs twice or contradicts its code
 * point. The arrays are copied. */
MUST_CHECK enum status vocabulary_restore(struct vocabulary **out, const struct tokenizer_ops *tokenizer,
                                          const char *const *texts, const uint32_t *code_points,
                                          const uint64_t *counts, size_t size, struct error *error);
void vocabulary_destroy(struct vocabulary *vocabulary);

const struct tokenizer_ops *vocabulary_tokenizer(const struct vocabulary *vocabulary);
size_t vocabulary_size(const struct vocabulary *vocabulary);

/* Of a token, `id` below the size. Texts are views that live as long as the vocabulary. */
const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t id, size_t *bytes);
const char *vocabulary_shown(const struct vocabulary *vocabulary,
                             uint32_t id); /* for files: U+0000: <0x00> */
uint32_t vocabulary_code_point(const struct vocabulary *vocabulary, uint32_t id); /* 0 for <unk> */
uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id);

/* Both give VOCABULARY_UNKNOWN for what is not in the vocabulary. */
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t bytes);
uint32_t vocabulary_find_code_point(const struct vocabulary *vocabulary, uint32_t code_point);

/* The ids of `count` tokens, unknown ones as VOCABULARY_UNKNOWN. */
void vocabulary_encode(const struct vocabulary *vocabulary, uint32_t *ids, const struct token *tokens,
                       size_t count);

/* The ids of a text in memory, such as a prefix. Fails on bytes that are no tokens, naming the offset; the
 * caller owns `*ids`: memory_free. */
MUST_CHECK enum status vocabulary_encode_text(const struct vocabulary *vocabulary, uint32_t **ids,
                                              size_t *count, const char *text, size_t bytes,
                                              struct error *error);

/* Of the tokens in their order, not of their counts: equal digests, same vocabulary. */
uint64_t vocabulary_digest(const struct vocabulary *vocabulary);

#endif
