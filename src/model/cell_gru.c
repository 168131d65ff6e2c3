/* Gated recurrent unit (Cho et al. 2014) in the form of cuDNN and PyTorch, where the reset gate acts on
 * H·W_h + b_h, not on H. With the pre-activations a = X·W_x + b and q = H_previous·W_h + b_h of a row, three
 * blocks of H in the order r, z, n:
 *
 *     R = σ(a_r + q_r)   Z = σ(a_z + q_z)   N = tanh(a_n + R ⊙ q_n)
 *     H = (1 - Z) ⊙ N + Z ⊙ H_previous
 *
 * and back, given dH:
 *
 *     da_z = dq_z = dH ⊙ (H_previous - N) ⊙ Z ⊙ (1 - Z)
 *     da_n = dH ⊙ (1 - Z) ⊙ (1 - N²)     dq_n = da_n ⊙ R
 *     da_r = dq_r = da_n ⊙ q_n ⊙ R ⊙ (1 - R)
 *     dH_previous += dH ⊙ Z, besides what comes through q
 *
 * Compiled once for each vector level. */

#include "lstm_mpi/linalg/vector_level.h"
#include "lstm_mpi/linalg/vector_math.h"
#include "lstm_mpi/model/cell.h"

static void forward_blocks(size_t hidden, float *restrict gates, float *restrict n, const float *restrict q,
                           const float *restrict h_previous, float *restrict h)
{
    const float *r = gates;
    const float *z = gates + hidden;
    for (size_t j = 0; j < 2 * hidden; j++)
        gates[j] = vector_sigmoidf(gates[j] + q[j]);
    for (size_t j = 0; j < hidden; j++) {
        n[j] = vector_tanhf(n[j] + r[j] * q[2 * hidden + j]);
        h[j] = n[j] + z[j] * (h_previous[j] - n[j]);
    }
}

static void forward(size_t hidden, const struct cell_row *row)
{
    forward_blocks(hidden, row->gates, row->gates + 2 * hidden, row->recurrent, row->h_previous, row->h);
}

static void backward_blocks(size_t hidden, float *restrict r, float *restrict z, float *restrict n,
                            float *restrict q, const float *restrict h_previous, const float *restrict dh)
{
    for (size_t j = 0; j < hidden; j++) {
        float da_z = dh[j] * (h_previous[j] - n[j]) * z[j] * (1 - z[j]);
        float da_n = dh[j] * (1 - z[j]) * (1 - n[j] * n[j]);
        float da_r = da_n * q[2 * hidden + j] * r[j] * (1 - r[j]);
        q[j] = da_r;
        q[hidden + j] = da_z;
        q[2 * hidden + j] = da_n * r[j];
        r[j] = da_r;
        z[j] = da_z;
        n[j] = da_n;
    }
}

static void add_direct_gradient(size_t hidden, const float *restrict z, const float *restrict dh,
                                float *restrict dh_previous)
{
    for (size_t j = 0; j < hidden; j++)
        dh_previous[j] += dh[j] * z[j];
}

static void backward(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                     float *dc)
{
    (void)dc;
    float *r = row->gates;
    float *z = row->gates + hidden;
    float *n = row->gates + 2 * hidden;
    if (dh_previous)
        add_direct_gradient(hidden, z, dh, dh_previous);
    backward_blocks(hidden, r, z, n, row->recurrent, row->h_previous, dh);
}

const struct cell_functions LSTM_MPI_LEVEL_NAME(cell_gru) = {
    .forward = forward,
    .backward = backward,
};
