#include "lstm_mpi/generate/sampler.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"

#include <math.h>
#include <stdlib.h>

struct candidate {
    float logit;
    uint32_t token;
};

struct sampler {
    struct sampler_spec spec;
    size_t vocabulary;
    struct candidate *candidates; /* [V] */
};

enum status sampler_create(struct sampler **out, const struct sampler_spec *spec, size_t vocabulary,
                           struct error *error)
{
    enum status status;
    struct sampler *sampler = NULL;
    TRY(memory_new(&sampler, 1, error));
    sampler->spec = *spec;
    sampler->vocabulary = vocabulary;
    TRY(memory_new(&sampler->candidates, vocabulary, error));
done:
    if (status != STATUS_OK) {
        sampler_destroy(sampler);
        sampler = NULL;
    }
    *out = sampler;
    return status;
}

void sampler_destroy(struct sampler *sampler)
{
    if (!sampler)
        return;
    memory_free(sampler->candidates);
    memory_free(sampler);
}

/* What is no number, and so has no place in an order, is passed over. */
static float weight_of(float logit)
{
    return isnan(logit) ? -INFINITY : logit;
}

static uint32_t largest(const float *logits, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (weight_of(logits[i]) > weight_of(logits[best]))
            best = i;
    }
    return (uint32_t)best;
}

/* The largest logit first; among equals the lower token. */
static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->token < b->token ? -1 : a->token > b->token;
}

/* exp(logit / temperature), relative to the largest. */
static double chance_of(const struct sampler *sampler, size_t i)
{
    const struct candidate *candidates = sampler->candidates;
    return exp(((double)candidates[i].logit - (double)candidates[0].logit) / sampler->spec.temperature);
}

/* The first of `*count` candidates that together have at least the chance top_p among them; returns theirs.
 */
static double keep_nucleus(const struct sampler *sampler, size_t *count)
{
    double total = 0;
    for (size_t i = 0; i < *count; i++)
        total += chance_of(sampler, i);
    if (sampler->spec.top_p >= 1)
        return total;
    double kept = 0;
    size_t i = 0;
    while (i < *count && kept < sampler->spec.top_p * total)
        kept += chance_of(sampler, i++);
    *count = i;
    return kept;
}

uint32_t sampler_choose(struct sampler *sampler, const float *logits, uint64_t sample, uint64_t position)
{
    size_t count = sampler->vocabulary;
    const struct sampler_spec *spec = &sampler->spec;
    if (spec->temperature <= 0)
        return largest(logits, count);
    struct candidate *candidates = sampler->candidates;
    for (size_t i = 0; i < count; i++)
        candidates[i] = (struct candidate){weight_of(logits[i]), (uint32_t)i};
    qsort(candidates, count, sizeof *candidates, compare_candidates);
    if (spec->top_k > 0 && spec->top_k < count)
        count = spec->top_k;

    double left = keep_nucleus(sampler, &count) *
                  random_uniform(spec->seed, random_stream(RANDOM_SAMPLE, sample), position);
    for (size_t i = 0; i < count; i++) {
        left -= chance_of(sampler, i);
        if (left < 0)
            return candidates[i].token;
    }
    return candidates[0].token;
}
