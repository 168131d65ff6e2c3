#include "lstm_mpi/text/tokenizer.h"

#include "tokenizer_table.h"

#include <string.h>

const struct tokenizer_ops *const tokenizers[TOKENIZER_COUNT] = {
    &tokenizer_char,
    &tokenizer_byte,
    &tokenizer_word,
};
const char *const tokenizer_names[TOKENIZER_COUNT + 1] = {"char", "byte", "word"};

const struct tokenizer_ops *tokenizer_find(const char *name)
{
    for (size_t i = 0; i < TOKENIZER_COUNT; i++) {
        if (strcmp(tokenizers[i]->name, name) == 0)
            return tokenizers[i];
    }
    return NULL;
}
