#include "lstm_mpi/generate/prefix.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"

enum status prefix_encode(struct prefix *prefix, const struct vocabulary *vocabulary, const char *text,
                          size_t bytes, struct error *error)
{
    *prefix = (struct prefix){.text = text, .bytes = bytes};
    return vocabulary_encode_text(vocabulary, &prefix->tokens, &prefix->count, text, bytes, error);
}

void prefix_free(struct prefix *prefix)
{
    memory_free(prefix->tokens);
    *prefix = (struct prefix){0};
}

bool prefix_is_known(const struct prefix *prefix)
{
    for (size_t i = 0; i < prefix->count; i++) {
        if (prefix->tokens[i] == VOCABULARY_UNKNOWN)
            return false;
    }
    return true;
}

void prefix_warn_of_unknown(const struct prefix *prefix, const struct vocabulary *vocabulary)
{
    if (!prefix_is_known(prefix))
        log_warning("the prefix '%s' has %s that are not in the vocabulary: <unk> is used for them",
                    prefix->text, vocabulary_rules(vocabulary)->tokenizer->plural);
}
