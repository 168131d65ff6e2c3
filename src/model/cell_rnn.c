/* The simple recurrent unit of Elman (1990). With the pre-activations a of a row:
 *
 *     H = tanh(a)      and back, given dH:      da = dH ⊙ (1 - H²)
 *
 * Compiled once for each vector level. */

#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/linalg/vector_math.h"
#include "lstm_mpi/model/cell.h"

static void forward_block(size_t hidden, float *restrict gates, float *restrict h)
{
    for (size_t j = 0; j < hidden; j++)
        h[j] = gates[j] = vector_tanhf(gates[j]);
}

static void forward(size_t hidden, const struct cell_row *row)
{
    forward_block(hidden, row->gates, row->h);
}

static void backward_block(size_t hidden, float *restrict gates, const float *restrict dh)
{
    for (size_t j = 0; j < hidden; j++)
        gates[j] = dh[j] * (1 - gates[j] * gates[j]);
}

static void backward(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                     float *dc)
{
    (void)dh_previous;
    (void)dc;
    backward_block(hidden, row->gates, dh);
}

const struct cell_functions LSTM_MPI_LEVEL_NAME(cell_rnn) = {
    .forward = forward,
    .backward = backward,
};
