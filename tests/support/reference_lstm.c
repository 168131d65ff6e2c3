#include "support/reference_lstm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void step(const struct reference_lstm *lstm, uint32_t input, double *h, double *c, double *gates)
{
    size_t H = lstm->H;
    for (size_t j = 0; j < 4 * H; j++) {
        gates[j] = lstm->W_x[input * 4 * H + j] + lstm->b[j];
        for (size_t k = 0; k < H; k++)
            gates[j] += h[k] * lstm->W_h[k * 4 * H + j];
    }
    for (size_t j = 0; j < H; j++) {
        c[j] = sigmoid(gates[H + j]) * c[j] + sigmoid(gates[j]) * tanh(gates[3 * H + j]);
        h[j] = sigmoid(gates[2 * H + j]) * tanh(c[j]);
    }
}

static double cross_entropy(const struct reference_lstm *lstm, const double *h, uint32_t target)
{
    double total = 0;
    double of_target = 0;
    for (size_t v = 0; v < lstm->V; v++) {
        double logit = lstm->b_output[v];
        for (size_t k = 0; k < lstm->H; k++)
            logit += h[k] * lstm->W[k * lstm->V + v];
        total += exp(logit);
        if (v == target)
            of_target = logit;
    }
    return log(total) - of_target;
}

double reference_lstm_loss(const struct reference_lstm *lstm, const uint32_t *inputs, const uint32_t *targets,
                           double *h, double *c)
{
    double *gates = malloc(4 * lstm->H * sizeof *gates);
    if (!gates)
        abort();
    double loss = 0;
    for (size_t row = 0; row < lstm->rows; row++) {
        for (size_t t = 0; t < lstm->steps; t++) {
            size_t at = t * lstm->rows + row;
            step(lstm, inputs[at], h + row * lstm->H, c + row * lstm->H, gates);
            loss += cross_entropy(lstm, h + row * lstm->H, targets[at]);
        }
    }
    free(gates);
    return loss;
}
