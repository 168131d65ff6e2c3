#include "lstm_mpi/text/tokenizer.h"

#include "tokenizer_table.h"

#include <string.h>

/* clang-format off */
#define REFERENCE(kind) &tokenizer_##kind,
#define NAME(kind) #kind,
#define PLACE(kind) PLACE_OF_##kind,
/* clang-format on */

enum { TOKENIZERS(PLACE) PLACES };

const struct tokenizer_ops *const tokenizers[] = {TOKENIZERS(REFERENCE)};
const char *const tokenizer_names[] = {TOKENIZERS(NAME) NULL};
const size_t tokenizer_count = PLACES;

const struct tokenizer_ops *tokenizer_find(const char *name)
{
    for (size_t i = 0; i < tokenizer_count; i++) {
        if (strcmp(tokenizers[i]->name, name) == 0)
            return tokenizers[i];
    }
    return NULL;
}
