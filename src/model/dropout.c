#include "dropout.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/random.h"

/* The generator's address is narrower than ours: a seed of its own for each update and layer, a stream for
 * each row, and in it one block of random words after the other, step by step. */
void dropout_mask(float *mask, const struct dropout_address *address, double p, size_t steps, size_t rows,
                  size_t width)
{
    uint64_t stream = random_stream(RANDOM_DROPOUT, address->layer);
    uint64_t seed = random_bits(address->seed, stream, address->update);
    uint32_t dropped_below = (uint32_t)(p * 0x1p32);
    float kept = (float)(1 / (1 - p));
    size_t blocks = divide_up(width, RANDOM_WORDS);
    for (size_t step = 0; step < steps; step++) {
        for (size_t row = 0; row < rows; row++) {
            uint64_t row_stream = random_stream(RANDOM_DROPOUT, address->first_row + row);
            float *of_row = mask + (step * rows + row) * width;
            for (size_t block = 0; block < blocks; block++) {
                uint32_t words[RANDOM_WORDS];
                random_words(words, seed, row_stream, step * blocks + block);
                size_t left = width - block * RANDOM_WORDS;
                for (size_t i = 0; i < RANDOM_WORDS && i < left; i++)
                    of_row[block * RANDOM_WORDS + i] = words[i] < dropped_below ? 0 : kept;
            }
        }
    }
}
