#ifndef LSTM_MPI_TEXT_CUTTER_H
#define LSTM_MPI_TEXT_CUTTER_H

/* From the bytes of a text to tokens: bytes that are no UTF-8 are found, newlines and letters made what the
 * rules want, tokens cut. A long text is cut piece by piece; pieces meet at borders. */

#include "lstm_mpi/text/tokenizer.h"

struct cutter {
    struct token_rules rules;
    unsigned char *clean; /* text after the clean-up; owned, like the rest */
    size_t clean_bytes;
    unsigned char *lower; /* text in small letters */
    size_t lower_bytes;
    char *breaks; /* for the tokenizer that cuts words: [bytes of the text] */
    size_t breaks_bytes;
};

/* How far before and behind a position cutter_border looks. */
enum { CUTTER_BEFORE = 4 };
size_t cutter_reach(const struct token_rules *rules);

/* The first place at or behind `position` where the text falls into two that can be cut into tokens each by
 * itself. `text` is what lies around: from CUTTER_BEFORE bytes before the position, or from the beginning of
 * the file, to cutter_reach bytes behind it, or to the file's end, which is a border as well. Where such a
 * place is not in reach, the next character is taken for one: a text without any border is cut there too. */
size_t cutter_border(const struct token_rules *rules, const unsigned char *text, size_t bytes,
                     size_t position);

/* The offset of the first byte that cannot be read by these rules; `bytes` where all is well. */
size_t cutter_check(const struct token_rules *rules, const unsigned char *text, size_t bytes);

/* Cleans and cuts a text that cutter_check has passed. */
MUST_CHECK enum status cutter_cut(struct cutter *cutter, const unsigned char *text, size_t bytes,
                                  token_sink *sink, void *context, struct error *error);

/* Frees what the cutter holds. */
void cutter_free(struct cutter *cutter);

#endif
