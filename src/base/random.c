#include "lstm_mpi/base/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <stddef.h>

__extension__ typedef unsigned __int128 wide_product;

void random_words(uint32_t words[RANDOM_WORDS], uint64_t seed, uint64_t stream, uint64_t index)
{
    philox4x32_ctr_t counter = {
        {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t random = philox4x32(counter, key);
    for (size_t i = 0; i < RANDOM_WORDS; i++)
        words[i] = random.v[i];
}

static double uniform_of(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t words[RANDOM_WORDS];
    random_words(words, seed, stream, index);
    return (uint64_t)words[1] << 32 | words[0];
}

double random_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return uniform_of(random_bits(seed, stream, index));
}

double random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    static const double two_pi = 6.283185307179586;
    uint32_t words[RANDOM_WORDS];
    random_words(words, seed, stream, index);
    double radius = uniform_of((uint64_t)words[1] << 32 | words[0]);
    double angle = uniform_of((uint64_t)words[3] << 32 | words[2]);
    return sqrt(-2 * log1p(-radius)) * cos(two_pi * angle);
}

uint64_t random_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound)
{
    return (uint64_t)(((wide_product)random_bits(seed, stream, index) * bound) >> 64);
}
