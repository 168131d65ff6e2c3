#ifndef LSTM_MPI_GENERATE_PREFIX_H
#define LSTM_MPI_GENERATE_PREFIX_H

/* What samples go on from: a text, and the tokens that the model reads it as. */

#include "lstm_mpi/text/vocabulary.h"

struct prefix {
    const char *text; /* as it was given; a view */
    size_t bytes;
    uint32_t *tokens;
    size_t count;
};

/* Fails as vocabulary_encode_text does. The caller owns the tokens: prefix_free. */
MUST_CHECK enum status prefix_encode(struct prefix *prefix, const struct vocabulary *vocabulary,
                                     const char *text, size_t bytes, struct error *error);
void prefix_free(struct prefix *prefix);

/* Whether the vocabulary has all of it. */
bool prefix_is_known(const struct prefix *prefix);

/* A warning, unless it does. */
void prefix_warn_of_unknown(const struct prefix *prefix, const struct vocabulary *vocabulary);

#endif
