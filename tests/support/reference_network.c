#include "support/reference_network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double *new_doubles(size_t count)
{
    double *memory = calloc(count + 1, sizeof *memory);
    if (!memory)
        abort();
    return memory;
}

/* The cells: x[gate] = X·W_x + b and q[gate] = H·W_h + b_h of one unit, in the order of the checkpoint. */

static void lstm_step(const double *x, const double *q, double *h, double *c)
{
    *c = sigmoid(x[1] + q[1]) * *c + sigmoid(x[0] + q[0]) * tanh(x[3] + q[3]);
    *h = sigmoid(x[2] + q[2]) * tanh(*c);
}

static void gru_step(const double *x, const double *q, double *h, double *c)
{
    (void)c;
    double z = sigmoid(x[1] + q[1]);
    double n = tanh(x[2] + sigmoid(x[0] + q[0]) * q[2]);
    *h = (1 - z) * n + z * *h;
}

static void rnn_step(const double *x, const double *q, double *h, double *c)
{
    (void)c;
    *h = tanh(x[0] + q[0]);
}

static const struct reference_cell reference_cells[] = {
    {"lstm", 4, lstm_step},
    {"gru", 3, gru_step},
    {"rnn", 1, rnn_step},
};

const struct reference_cell *reference_cell_find(const char *name)
{
    for (size_t i = 0; i < sizeof reference_cells / sizeof *reference_cells; i++) {
        if (strcmp(reference_cells[i].name, name) == 0)
            return &reference_cells[i];
    }
    fprintf(stderr, "the cell %s has no row in tests/support/reference_network.c\n", name);
    exit(1);
}

void reference_cell_step(const struct reference_cell *cell, size_t hidden, const double *x_gates,
                         const double *h_gates, double *h, double *c)
{
    for (size_t j = 0; j < hidden; j++) {
        double x[REFERENCE_MOST_GATES];
        double q[REFERENCE_MOST_GATES];
        for (size_t gate = 0; gate < cell->gates; gate++) {
            x[gate] = x_gates[gate * hidden + j];
            q[gate] = h_gates[gate * hidden + j];
        }
        cell->step(x, q, &h[j], &c[j]);
    }
}

/* out = in·W + b of a row; b may be NULL. */
static void multiply(double *out, const double *in, size_t depth, const double *W, const double *b,
                     size_t columns)
{
    for (size_t j = 0; j < columns; j++) {
        out[j] = b ? b[j] : 0;
        for (size_t k = 0; k < depth; k++)
            out[j] += in[k] * W[k * columns + j];
    }
}

/* One direction of a layer over the steps of a row. in: [steps, width], or tokens; out: [steps, all] at its
 * column. */
static void run_direction(const struct reference_network *network, size_t place, const double *in,
                          size_t width, const uint32_t *tokens, double *h, double *c, double *out)
{
    const struct reference_direction *direction = &network->direction[place];
    size_t H = network->H;
    size_t G = network->cell->gates * H;
    size_t reverse = place % network->directions;
    double *x_gates = new_doubles(G);
    double *h_gates = new_doubles(G);
    for (size_t turn = 0; turn < network->steps; turn++) {
        size_t t = reverse ? network->steps - 1 - turn : turn;
        if (tokens) {
            for (size_t j = 0; j < G; j++)
                x_gates[j] = direction->W_x[tokens[t * network->rows] * G + j] + direction->b[j];
        } else {
            multiply(x_gates, in + t * width, width, direction->W_x, direction->b, G);
        }
        multiply(h_gates, h, H, direction->W_h, direction->b_h, G);
        reference_cell_step(network->cell, H, x_gates, h_gates, h, c);
        memcpy(out + t * network->directions * H + reverse * H, h, H * sizeof *h);
    }
    free(x_gates);
    free(h_gates);
}

static void mask(const struct reference_network *network, size_t layer, size_t row, double *out)
{
    size_t width = network->directions * network->H;
    for (size_t t = 0; t < network->steps && network->masks; t++) {
        const double *of_step = network->masks + ((layer * network->steps + t) * network->rows + row) * width;
        for (size_t j = 0; j < width; j++)
            out[t * width + j] *= of_step[j];
    }
}

static double cross_entropy(const struct reference_network *network, const double *h, uint32_t target)
{
    size_t width = network->directions * network->H;
    double total = 0;
    double of_target = 0;
    for (size_t v = 0; v < network->V; v++) {
        double logit = network->b_output[v];
        for (size_t k = 0; k < width; k++)
            logit += h[k] * (network->W ? network->W[k * network->V + v] : network->tied_W[v * width + k]);
        total += exp(logit);
        if (v == target)
            of_target = logit;
    }
    return log(total) - of_target;
}

static double row_loss(const struct reference_network *network, size_t row, const uint32_t *inputs,
                       const uint32_t *targets, double *h, double *c)
{
    size_t H = network->H;
    size_t width = network->directions * H;
    size_t widest = width > network->E ? width : network->E;
    double *in = new_doubles(network->steps * widest);
    double *out = new_doubles(network->steps * widest);
    size_t in_width = network->E;
    for (size_t t = 0; t < network->steps && network->embedding; t++)
        memcpy(in + t * network->E, network->embedding + inputs[t * network->rows + row] * network->E,
               network->E * sizeof *in);
    for (size_t layer = 0; layer < network->layers; layer++) {
        const uint32_t *tokens = layer == 0 && !network->embedding ? inputs + row : NULL;
        for (size_t direction = 0; direction < network->directions; direction++) {
            size_t place = layer * network->directions + direction;
            size_t state = (place * network->rows + row) * H;
            run_direction(network, place, in, in_width, tokens, h + state, c + state, out);
        }
        mask(network, layer, row, out);
        double *next = in;
        in = out;
        out = next;
        in_width = width;
    }
    double loss = 0;
    for (size_t t = 0; t < network->steps; t++)
        loss += cross_entropy(network, in + t * width, targets[t * network->rows + row]);
    free(in);
    free(out);
    return loss;
}

double reference_network_loss(const struct reference_network *network, const uint32_t *inputs,
                              const uint32_t *targets, double *h, double *c)
{
    double loss = 0;
    for (size_t row = 0; row < network->rows; row++)
        loss += row_loss(network, row, inputs, targets, h, c);
    return loss;
}

double reference_network_step_loss(const struct reference_network *network, const uint32_t *inputs,
                                   const uint32_t *targets, double *h, double *c)
{
    struct reference_network one = *network;
    double loss = 0;
    one.steps = 1;
    for (size_t t = 0; t < network->steps; t++)
        loss += reference_network_loss(&one, inputs + t * network->rows, targets + t * network->rows, h, c);
    return loss;
}
