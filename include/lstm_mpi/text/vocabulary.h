#ifndef LSTM_MPI_TEXT_VOCABULARY_H
#define LSTM_MPI_TEXT_VOCABULARY_H

/* Token ↔ id. Id 0 is <unk>, which stands for everything unknown; the others come by count, falling, and
 * among equals by their bytes, which is by code point where tokens are characters. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/text/token_counts.h"
#include "lstm_mpi/text/token_ids.h"

#include <stddef.h>
#include <stdint.h>

enum { VOCABULARY_UNKNOWN = 0 };

struct vocabulary;

/* The vocabulary of a text: every token that occurs, behind <unk> with the count of the unknown ones. */
MUST_CHECK enum status vocabulary_create(struct vocabulary **out, const struct token_counts *counts,
                                         struct error *error);

/* A vocabulary from a file, its tokens as vocabulary_shown gives them. `code_points` and `counts` may be
 * NULL: a text <0xNN> then stands for the code point NN, and counts are 0. What stands at index 0 is <unk>,
 * whatever its text. Fails on a token that is none by these rules, occurs twice or contradicts its code
 * point. The arrays are copied. */
MUST_CHECK enum status vocabulary_restore(struct vocabulary **out, const struct token_rules *rules,
                                          const char *const *texts, const uint32_t *code_points,
                                          const uint64_t *counts, size_t size, struct error *error);
void vocabulary_destroy(struct vocabulary *vocabulary);

const struct token_rules *vocabulary_rules(const struct vocabulary *vocabulary);
size_t vocabulary_size(const struct vocabulary *vocabulary);

/* Of a token, `id` below the size. Texts are views that live as long as the vocabulary. */
const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t id, size_t *bytes);
const char *vocabulary_shown(const struct vocabulary *vocabulary,
                             uint32_t id); /* for files: zero bytes and what is no UTF-8 as <0xNN> */
uint32_t vocabulary_code_point(const struct vocabulary *vocabulary, uint32_t id); /* 0 for <unk> and words */
uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id);

/* The most bytes that a text of vocabulary_shown has. */
size_t vocabulary_longest_shown(const struct vocabulary *vocabulary);

/* Whether tokens have code points. */
bool vocabulary_has_code_points(const struct vocabulary *vocabulary);

/* What a text may begin with: the first token, by id, that begins with a letter of whatever script; without
 * one the commonest, and <unk> where there is no other. */
uint32_t vocabulary_opening(const struct vocabulary *vocabulary);

/* VOCABULARY_UNKNOWN where it is not in the vocabulary. */
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t bytes);

/* The ids of the tokens [first, first + count) of a portion, VOCABULARY_UNKNOWN where one is unknown. */
void vocabulary_encode(const struct vocabulary *vocabulary, struct token_ids ids,
                       const struct portion *portion, size_t first, size_t count);

/* The ids of a text in memory, such as a prefix, cleaned and cut like the corpus. Fails on bytes that are no
 * UTF-8 where tokens need it, naming the offset; the caller owns `*ids`: memory_free. */
MUST_CHECK enum status vocabulary_encode_text(const struct vocabulary *vocabulary, uint32_t **ids,
                                              size_t *count, const char *text, size_t bytes,
                                              struct error *error);

/* Of the tokens in their order, not of their counts: equal digests, same vocabulary. */
uint64_t vocabulary_digest(const struct vocabulary *vocabulary);

#endif
