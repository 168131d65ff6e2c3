#ifndef LSTM_MPI_MODEL_CELL_H
#define LSTM_MPI_MODEL_CELL_H

/* What a recurrent cell must supply. A layer makes the pre-activations of all gates of a row, X·W_x + b and
 * H·W_h + b_h; the cell makes the new state of them, and on the way back the gradient of the pre-activations.
 *
 * To add a cell, write cell_NAME.c with its equations and a row in the table of cell.c. */

#include "lstm_mpi/linalg/vector_level.h"

#include <stdbool.h>
#include <stddef.h>

/* One row of one time step. In `gates` and `recurrent` there are gates · hidden floats, in all else `hidden`.
 */
struct cell_row {
    float *gates;     /* forward: pre-activations in, activations out; backward: those in, and the gradient of
                         X·W_x + b out */
    float *recurrent; /* for cells with splits_recurrent: H·W_h + b_h, which stays; backward: its gradient
                         out. For others NULL: it is part of `gates` */
    const float *h_previous;
    const float *c_previous; /* this, c and saved: NULL for cells that have no such thing */
    float *h;
    float *c;
    float *saved; /* whatever backward needs besides */
};

struct cell_functions {
    void (*forward)(size_t hidden, const struct cell_row *row);

    /* `dh`: gradient of h. To `dh_previous`, unless it is NULL, the gradient of h_previous is added that does
     * not come through H·W_h. `dc`: gradient of c from the following step in, gradient of c_previous out. */
    void (*backward)(size_t hidden, const struct cell_row *row, const float *dh, float *dh_previous,
                     float *dc);
};

struct cell_ops {
    const char *name; /* as --cell takes it */
    size_t gates;
    const char *gate_names;
    bool has_cell_state; /* c, a part of the carried state */
    bool has_saved;
    bool splits_recurrent; /* H·W_h + b_h is not just added to X·W_x + b */
    const struct cell_functions *levels[VECTOR_LEVEL_COUNT];
};

extern const struct cell_ops cells[];
extern const size_t cell_count;

/* Their names in the same order, and NULL behind the last. */
extern const char *const cell_names[];

/* The cell of this name; NULL if there is none. */
const struct cell_ops *cell_find(const char *name);

/* The functions of the vector level in use. */
const struct cell_functions *cell_functions_in_use(const struct cell_ops *cell);

#endif
