#ifndef TESTS_SUPPORT_REFERENCE_NETWORK_H
#define TESTS_SUPPORT_REFERENCE_NETWORK_H

/* The network once more, in double and in the plainest loops: what the fast one is compared with. */

#include <stddef.h>
#include <stdint.h>

enum { REFERENCE_MOST_GATES = 4, REFERENCE_MOST_DIRECTIONS = 8 };

struct reference_cell {
    const char *name; /* as cells[] has it */
    size_t gates;
    void (*step)(const double *x, const double *q, double *h, double *c); /* of one unit */
};

/* One direction of one layer: [in, G], [H, G], [G], [G] with the gates in the order of the checkpoint. */
struct reference_direction {
    const double *W_x, *W_h, *b;
    const double *b_h; /* NULL: zero */
};

struct reference_network {
    const struct reference_cell *cell;
    size_t V, H, E, layers, directions, rows, steps;
    const double *embedding;                                         /* [V, E]; NULL: W_x has V rows */
    struct reference_direction direction[REFERENCE_MOST_DIRECTIONS]; /* [layer][direction] */
    const double *W;                                                 /* [H · directions, V] */
    const double *tied_W;                                            /* instead of W: [V, H · directions] */
    const double *b_output;                                          /* [V] */
    const double *masks; /* [layers, steps, rows, H · directions], what each layer's output is multiplied by;
                            NULL: ones */
};

/* The equations of a cell; ends the test, with a word on what is missing, where there are none. */
const struct reference_cell *reference_cell_find(const char *name);

/* One row of one step: x_gates = X·W_x + b and h_gates = H·W_h + b_h in; h and c the state before, then
 * after. */
void reference_cell_step(const struct reference_cell *cell, size_t hidden, const double *x_gates,
                         const double *h_gates, double *h, double *c);

/* Σ cross-entropy over all targets. `h`, `c` [layers · directions, rows, H]: the state before, then after. */
double reference_network_loss(const struct reference_network *network, const uint32_t *inputs,
                              const uint32_t *targets, double *h, double *c);

/* The same for steps that are run one by one: both directions see a single step. */
double reference_network_step_loss(const struct reference_network *network, const uint32_t *inputs,
                                   const uint32_t *targets, double *h, double *c);

#endif
