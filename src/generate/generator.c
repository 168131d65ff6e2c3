#include "lstm_mpi/generate/generator.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/model/model.h"

#include <assert.h>

struct generator {
    struct packed_weights packed;
    float *packed_memory;
    struct model *model;
    struct sampler *sampler;
    float *logits; /* [V], of the token that follows */
    uint64_t position;
};

enum status generator_create(struct generator **out, const struct model_spec *spec, const float *weights,
                             const struct sampler_spec *sampling, struct error *error)
{
    enum status status;
    struct generator *generator = NULL;
    struct model_spec in_use = *spec;
    in_use.dropout = 0;
    TRY(memory_new(&generator, 1, error));
    TRY(memory_new(&generator->packed_memory, packed_weights_floats(spec), error));
    TRY(packed_weights_place(&generator->packed, spec, weights, generator->packed_memory, error));
    TRY(model_create(&generator->model, &in_use, &generator->packed, 1, 1, error));
    TRY(sampler_create(&generator->sampler, sampling, spec->vocabulary_size, error));
    TRY(memory_new(&generator->logits, spec->vocabulary_size, error));
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
    memory_free(generator->logits);
    memory_free(generator->packed_memory);
    memory_free(generator);
}

void generator_load(struct generator *generator)
{
    packed_weights_pack(&generator->packed, 0, 1);
}

void generator_start(struct generator *generator, const uint32_t *prefix, size_t count)
{
    assert(count > 0);
    model_zero_state(generator->model);
    for (size_t i = 0; i < count; i++)
        model_step(generator->model, &prefix[i], generator->logits);
    generator->position = 0;
}

uint32_t generator_next(struct generator *generator)
{
    uint32_t token = sampler_choose(generator->sampler, generator->logits, 0, generator->position);
    generator->position++;
    model_step(generator->model, &token, generator->logits);
    return token;
}
