#ifndef LSTM_MPI_BASE_RANDOM_H
#define LSTM_MPI_BASE_RANDOM_H

#include <stdint.h>

/* Random numbers by address: the number at (seed, stream, index) is always the same one, on every rank
 * and in any order of asking. Philox4x32-10 of Random123 (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", SC11). */

/* What the numbers are for. The upper half of a stream; the lower half is the purpose's own. */
enum random_purpose {
    RANDOM_INITIALIZE = 1,
    RANDOM_START_OFFSET,
    RANDOM_SHUFFLE,
    RANDOM_SAMPLE,
    RANDOM_DROPOUT,
    RANDOM_SHUFFLE_KEY,
    RANDOM_CHECK,
};

/* The stream of a purpose and of its own number below 2^32 (a tensor, an epoch modulo 2^32, a sample, a row).
 */
static inline uint64_t random_stream(enum random_purpose purpose, uint64_t number)
{
    return (uint64_t)purpose << 32 | (number & 0xFFFFFFFFU);
}

/* RANDOM_WORDS times 32 random bits. */
enum { RANDOM_WORDS = 4 };
void random_words(uint32_t words[RANDOM_WORDS], uint64_t seed, uint64_t stream, uint64_t index);

/* 64 random bits: the first two of the words. */
uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in [0, 1), a multiple of 2^-53. */
double random_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Standard normal, by the Box-Muller transform. */
double random_normal(uint64_t seed, uint64_t stream, uint64_t index);

/* A whole number in [0, bound), bound > 0; each has the same chance within 2^-64 · bound. */
uint64_t random_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound);

#endif
