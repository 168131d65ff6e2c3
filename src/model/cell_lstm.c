/* Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000). With
 * the pre-activations a of a row, four blocks of H in the order i, f, o, c:
 *
 *     I = σ(a_i)   F = σ(a_f)   O = σ(a_o)   C~ = tanh(a_c)
 *     C = F ⊙ C_previous + I ⊙ C~
 *     H = O ⊙ tanh(C)
 *
 * and back, given dH and what the following step says of dC:
 *
 *     dC += dH ⊙ O ⊙ (1 - tanh²(C))
 *     da_o = dH ⊙ tanh(C) ⊙ O ⊙ (1 - O)
 *     da_f = dC ⊙ C_previous ⊙ F ⊙ (1 - F)
 *     da_i = dC ⊙ C~ ⊙ I ⊙ (1 - I)
 *     da_c = dC ⊙ I ⊙ (1 - C~²)
 *     dC_previous = dC ⊙ F
 *
 * `saved` is tanh(C). Compiled once for each vector level. Each loop computes one function: a core works on
 * as many vectors at once as are in the code that it sees ahead. */

#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/linalg/vector_math.h"
#include "lstm_mpi/model/cell.h"

static void forward_blocks(size_t hidden, float *restrict gates, float *restrict candidate,
                           const float *restrict c_previous, float *restrict c, float *restrict tanh_c,
                           float *restrict h)
{
    const float *i = gates;
    const float *f = gates + hidden;
    const float *o = gates + 2 * hidden;
    for (size_t j = 0; j < 3 * hidden; j++)
        gates[j] = vector_sigmoidf(gates[j]);
    for (size_t j = 0; j < hidden; j++) {
        candidate[j] = vector_tanhf(candidate[j]);
        c[j] = f[j] * c_previous[j] + i[j] * candidate[j];
    }
    for (size_t j = 0; j < hidden; j++) {
        tanh_c[j] = vector_tanhf(c[j]);
        h[j] = o[j] * tanh_c[j];
    }
}

static void forward(size_t hidden, const struct cell_row *row)
{
    forward_blocks(hidden, row->gates, row->gates + 3 * hidden, row->c_previous, row->c, row->saved, row->h);
}

static void backward_blocks(size_t hidden, float *restrict i, float *restrict f, float *restrict o,
                            float *restrict candidate, const float *restrict c_previous,
                            const float *restrict tanh_c, const float *restrict dh, float *restrict dc)
{
    for (size_t j = 0; j < hidden; j++) {
        float dc_j = dc[j] + dh[j] * o[j] * (1 - tanh_c[j] * tanh_c[j]);
        float di = dc_j * candidate[j] * i[j] * (1 - i[j]);
        float dcandidate = dc_j * i[j] * (1 - candidate[j] * candidate[j]);
        o[j] = dh[j] * tanh_c[j] * o[j] * (1 - o[j]);
        dc[j] = dc_j * f[j];
        f[j] = dc_j * c_previous[j] * f[j] * (1 - f[j]);
        i[j] = di;
        candidate[j] = dcandidate;
    }
}

static void backward(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                     float *dc)
{
    (void)dh_previous;
    backward_blocks(hidden, row->gates, row->gates + hidden, row->gates + 2 * hidden, row->gates + 3 * hidden,
                    row->c_previous, row->saved, dh, dc);
}

const struct cell_functions LSTM_MPI_LEVEL_NAME(cell_lstm) = {
    .forward = forward,
    .backward = backward,
};
