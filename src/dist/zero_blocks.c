#include "zero_blocks.h"

#include "lstm_mpi/base/divide_up.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, WORD_BITS = 64, WORD_FLOATS = BLOCK * WORD_BITS };

static size_t word_count(size_t count)
{
    return divide_up(count, WORD_FLOATS);
}

size_t zero_blocks_most_bytes(size_t count)
{
    return word_count(count) * sizeof(uint64_t) + (count + 1) / 2 * 2 * sizeof(float);
}

static bool is_zero(const float *values, size_t count)
{
    static const float zeros[BLOCK];
    return memcmp(values, zeros, count * sizeof *values) == 0;
}

static size_t block_length(size_t first, size_t count)
{
    return count - first < BLOCK ? count - first : BLOCK;
}

size_t zero_blocks_pack(void *message, const float *values, size_t count)
{
    uint64_t *bits = message;
    float *sent = (float *)(bits + word_count(count));
    memset(bits, 0, word_count(count) * sizeof *bits);
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t length = block_length(first, count);
        if (is_zero(values + first, length))
            continue;
        size_t block = first / BLOCK;
        bits[block / WORD_BITS] |= UINT64_C(1) << block % WORD_BITS;
        memcpy(sent, values + first, length * sizeof *sent);
        sent += length;
    }
    return (size_t)((char *)sent - (char *)message);
}

void zero_blocks_add(float *sums, const void *message, size_t count)
{
    const uint64_t *bits = message;
    const float *sent = (const float *)(bits + word_count(count));
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t length = block_length(first, count);
        size_t block = first / BLOCK;
        if (!(bits[block / WORD_BITS] >> block % WORD_BITS & 1))
            continue;
        for (size_t i = 0; i < length; i++)
            sums[first + i] += sent[i];
        sent += length;
    }
}
