#ifndef TESTS_SUPPORT_REFERENCE_LSTM_H
#define TESTS_SUPPORT_REFERENCE_LSTM_H

/* The network once more, in double and in the plainest loops: what the fast one is compared with. */

#include <stddef.h>
#include <stdint.h>

struct reference_lstm {
    size_t V, H, rows, steps;
    const double *W_x, *W_h, *b, *W, *b_output; /* [V, 4H], [H, 4H], [4H], [H, V], [V]; gates i, f, o, c */
};

/* Σ cross-entropy over all targets. `h`, `c` [rows, H]: the state before, then after. */
double reference_lstm_loss(const struct reference_lstm *lstm, const uint32_t *inputs, const uint32_t *targets,
                           double *h, double *c);

#endif
