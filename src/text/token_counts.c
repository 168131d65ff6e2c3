#include "lstm_mpi/text/token_counts.h"

#include "lstm_mpi/base/memory.h"

enum status token_counts_create(struct token_counts *counts, const struct tokenizer_ops *tokenizer,
                                struct error *error)
{
    *counts = (struct token_counts){.tokenizer = tokenizer, .length = tokenizer->code_points};
    return memory_new(&counts->counts, counts->length, error);
}

void token_counts_free(struct token_counts *counts)
{
    memory_free(counts->counts);
    *counts = (struct token_counts){0};
}

void token_counts_add(struct token_counts *counts, const struct token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        counts->counts[tokens[i].code_point]++;
}
