#include "lstm_mpi/text/tokenizer.h"

#include "tokenizer_table.h"

#include <string.h>

const struct tokenizer_ops *const tokenizers[] = {&tokenizer_char};
const size_t tokenizer_count = sizeof tokenizers / sizeof tokenizers[0];

const struct tokenizer_ops *tokenizer_find(const char *name)
{
    for (size_t i = 0; i < tokenizer_count; i++) {
        if (strcmp(tokenizers[i]->name, name) == 0)
            return tokenizers[i];
    }
    return NULL;
}
