#ifndef LSTM_MPI_MODEL_CELL_H
#define LSTM_MPI_MODEL_CELL_H

/* What a recurrent cell must supply. A layer adds up the pre-activations X·W_x + H·W_h + b of all gates of a
 * row; the cell makes the new state of them, and on the way back the gradient of the pre-activations. */

#include <stdbool.h>
#include <stddef.h>

/* One row of one time step. Of `gates` there are gates · hidden floats, of all else `hidden`. */
struct cell_functions {
    /* `gates`: pre-activations in, activations out. `saved`: whatever backward needs besides. */
    void (*forward)(size_t hidden, float *gates, const float *c_previous, float *c, float *saved, float *h);

    /* `gates`: activations in, gradient of the pre-activations out. `dh`: gradient of h. `dc`: gradient of c
     * from the following step in, gradient of c_previous out. */
    void (*backward)(size_t hidden, float *gates, const float *c_previous, const float *saved,
                     const float *dh, float *dc);
};

struct cell_ops {
    const char *name; /* as --cell takes it */
    size_t gates;
    const char *gate_names;
    bool has_cell_state;                    /* c is part of the carried state */
    const struct cell_functions *levels[3]; /* by enum vector_level */
};

extern const struct cell_ops cells[];
extern const size_t cell_count;

/* The cell of this name; NULL if there is none. */
const struct cell_ops *cell_find(const char *name);

/* The functions of the vector level in use. */
const struct cell_functions *cell_functions_in_use(const struct cell_ops *cell);

#endif
