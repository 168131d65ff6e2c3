#ifndef LSTM_MPI_GENERATE_GENERATOR_H
#define LSTM_MPI_GENERATE_GENERATOR_H

/* Text out of a model: from a zero state a prefix is fed token by token, then each choice is fed back.
 * Several samples are written at once, each a row of one batch. What a sample becomes depends on its number,
 * not on the samples beside it. */

#include "lstm_mpi/generate/sampler.h"
#include "lstm_mpi/model/model_spec.h"

struct generator;

/* For `rows` samples at once, of weights laid out by parameters_layout, which must outlive the generator. The
 * caller owns: generator_destroy. */
MUST_CHECK enum status generator_create(struct generator **out, const struct model_spec *spec,
                                        const float *weights, const struct sampler_spec *sampling,
                                        size_t rows, struct error *error);
void generator_destroy(struct generator *generator);

/* Takes the weights as they are now; they must not change until the last generator_next that is to use them.
 */
void generator_load(struct generator *generator);

/* Begins the samples first_sample, first_sample + 1, …: zero state, then the prefix of at least one token. */
void generator_start(struct generator *generator, const uint32_t *prefix, size_t count,
                     uint64_t first_sample);

/* The next token of each sample, [rows]: a view, valid until the next call. */
const uint32_t *generator_next(struct generator *generator);

#endif
