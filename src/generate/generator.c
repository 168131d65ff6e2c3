#include "lstm_mpi/generate/generator.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/model/model.h"

#include <assert.h>

struct generator {
    struct packed_weights packed;
    float *packed_memory;
    struct model *model;
    struct sampler *sampler;
    size_t rows;
    size_t vocabulary;
    uint32_t *tokens; /* [rows], not fed yet */
    float *logits;    /* [rows, V], of the tokens that follow */
    uint64_t first_sample;
    uint64_t position;
};

enum status generator_create(struct generator **out, const struct model_spec *spec, const float *weights,
                             const struct sampler_spec *sampling, size_t rows, struct error *error)
{
    enum status status;
    struct generator *generator = NULL;
    struct model_spec in_use = *spec;
    in_use.dropout = 0;
    TRY(memory_new(&generator, 1, error));
    generator->rows = rows;
    generator->vocabulary = spec->vocabulary_size;
    TRY(memory_new(&generator->packed_memory, packed_weights_floats(spec), error));
    TRY(packed_weights_place(&generator->packed, spec, weights, generator->packed_memory, error));
    TRY(model_create(&generator->model, &in_use, &generator->packed, rows, 1, error));
    TRY(sampler_create(&generator->sampler, sampling, spec->vocabulary_size, error));
    TRY(memory_new(&generator->tokens, rows, error));
    TRY(memory_allocate(&generator->logits, rows, spec->vocabulary_size * sizeof(float), error));
done:
    if (status != STATUS_OK) {
        generator_destroy(generator);
        generator = NULL;
    }
    *out = generator;
    return status;
}

void generator_destroy(struct generator *generator)
{
    if (!generator)
        return;
    model_destroy(generator->model);
    sampler_destroy(generator->sampler);
    memory_free(generator->tokens);
    memory_free(generator->logits);
    memory_free(generator->packed_memory);
    memory_free(generator);
}

void generator_load(struct generator *generator)
{
    packed_weights_pack(&generator->packed, 0, 1);
}

static void set_tokens(struct generator *generator, uint32_t token)
{
    for (size_t row = 0; row < generator->rows; row++)
        generator->tokens[row] = token;
}

void generator_start(struct generator *generator, const uint32_t *prefix, size_t count, uint64_t first_sample)
{
    assert(count > 0);
    model_zero_state(generator->model);
    for (size_t i = 0; i + 1 < count; i++) {
        set_tokens(generator, prefix[i]);
        model_step(generator->model, generator->tokens, NULL);
    }
    set_tokens(generator, prefix[count - 1]);
    generator->first_sample = first_sample;
    generator->position = 0;
}

const uint32_t *generator_next(struct generator *generator)
{
    model_step(generator->model, generator->tokens, generator->logits);
    for (size_t row = 0; row < generator->rows; row++)
        generator->tokens[row] =
            sampler_choose(generator->sampler, generator->logits + row * generator->vocabulary,
                           generator->first_sample + row, generator->position);
    generator->position++;
    return generator->tokens;
}
