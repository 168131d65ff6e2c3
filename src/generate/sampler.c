#include "lstm_mpi/generate/sampler.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/base/smaller.h"
#include "ranking.h"

#include <math.h>
#include <string.h>

#define SIGN (UINT32_C(1) << 31)

struct sampler {
    struct sampler_spec spec;
    size_t vocabulary;
    uint64_t *keys; /* [V] */
    struct ranking ranking;
    double top; /* the largest logit */
};

enum status sampler_create(struct sampler **out, const struct sampler_spec *spec, size_t vocabulary,
                           struct error *error)
{
    enum status status;
    struct sampler *sampler = NULL;
    TRY(memory_new(&sampler, 1, error));
    sampler->spec = *spec;
    sampler->vocabulary = vocabulary;
    TRY(memory_new(&sampler->keys, vocabulary, error));
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
    memory_free(sampler->keys);
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

/* Ranks tokens: the larger logit has the larger key; among equals the lower token. The bits of a positive
 * float are in the order of the numbers, those of a negative one in the reverse. */
static uint64_t key_of(float logit, size_t token)
{
    float positive_zero = logit + 0.0F;
    uint32_t bits;
    memcpy(&bits, &positive_zero, sizeof bits);
    bits ^= bits & SIGN ? UINT32_MAX : SIGN;
    return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)token);
}

static uint32_t token_of(uint64_t key)
{
    return UINT32_MAX - (uint32_t)key;
}

static float logit_of(uint64_t key)
{
    float logit;
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= bits & SIGN ? SIGN : UINT32_MAX;
    memcpy(&logit, &bits, sizeof logit);
    return logit;
}

/* exp(logit / temperature), relative to the largest. */
static double chance_of(const struct sampler *sampler, float logit)
{
    return exp(((double)logit - sampler->top) / sampler->spec.temperature);
}

static double chance_at(struct sampler *sampler, size_t place)
{
    return chance_of(sampler, logit_of(ranking_at(&sampler->ranking, place)));
}

static void rank_tokens(struct sampler *sampler, const float *logits)
{
    for (size_t i = 0; i < sampler->vocabulary; i++)
        sampler->keys[i] = key_of(weight_of(logits[i]), i);
    ranking_begin(&sampler->ranking, sampler->keys, sampler->vocabulary);
    sampler->top = (double)logit_of(ranking_at(&sampler->ranking, 0));
}

/* Of the `count` likeliest tokens. */
static double sum_of_chances(struct sampler *sampler, const float *logits, size_t count)
{
    double sum = 0;
    if (count == sampler->vocabulary) {
        for (size_t i = 0; i < count; i++)
            sum += chance_of(sampler, weight_of(logits[i]));
    } else {
        for (size_t i = 0; i < count; i++)
            sum += chance_at(sampler, i);
    }
    return sum;
}

/* The fewest of the `*count` likeliest tokens that together have at least the chance top_p among them;
 * returns theirs. */
static double keep_nucleus(struct sampler *sampler, const float *logits, size_t *count)
{
    double total = sum_of_chances(sampler, logits, *count);
    if (sampler->spec.top_p >= 1)
        return total;
    double kept = 0;
    size_t i = 0;
    while (i < *count && kept < sampler->spec.top_p * total)
        kept += chance_at(sampler, i++);
    *count = i;
    return kept;
}

uint32_t sampler_choose(struct sampler *sampler, const float *logits, uint64_t sample, uint64_t position)
{
    size_t count = sampler->vocabulary;
    const struct sampler_spec *spec = &sampler->spec;
    if (spec->temperature <= 0)
        return largest(logits, count);
    rank_tokens(sampler, logits);
    if (spec->top_k > 0)
        count = smaller(count, spec->top_k);

    double left = keep_nucleus(sampler, logits, &count) *
                  random_uniform(spec->seed, random_stream(RANDOM_SAMPLE, sample), position);
    for (size_t i = 0; i < count; i++) {
        left -= chance_at(sampler, i);
        if (left < 0)
            return token_of(ranking_at(&sampler->ranking, i));
    }
    return token_of(ranking_at(&sampler->ranking, 0));
}
