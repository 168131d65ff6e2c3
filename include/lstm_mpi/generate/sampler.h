#ifndef LSTM_MPI_GENERATE_SAMPLER_H
#define LSTM_MPI_GENERATE_SAMPLER_H

/* One row of logits → the next token. */

#include "lstm_mpi/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct sampler_spec {
    double temperature; /* 0: greedy, the largest logit, the lowest index on a tie */
    size_t top_k;       /* 0: all tokens; else only those with the k largest logits, lower indices first */
    double top_p;       /* at least 1: all of these; else only the likeliest, as few as together have at least
                           this chance (nucleus sampling, Holtzman et al. 2020) */
    uint64_t seed;
};

struct sampler;

/* The caller owns: sampler_destroy. */
MUST_CHECK enum status sampler_create(struct sampler **out, const struct sampler_spec *spec,
                                      size_t vocabulary, struct error *error);
void sampler_destroy(struct sampler *sampler);

/* The token at place `position` of sample `sample`, from [V] logits: a token of those that top_k and then
 * top_p leave, with a chance proportional to exp(logit / temperature). The same position, logits and seed
 * give the same token. */
uint32_t sampler_choose(struct sampler *sampler, const float *logits, uint64_t sample, uint64_t position);

#endif
