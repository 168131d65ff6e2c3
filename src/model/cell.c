#include "lstm_mpi/model/cell.h"

#include <string.h>

/* Every cell, the default first. A row is all that is known of a cell outside of its file. */
/* clang-format off */
#define CELLS(ROW)                                                                              \
    ROW(lstm, .gates = 4, .gate_names = "i,f,o,c", .has_cell_state = true, .has_saved = true)   \
    ROW(gru, .gates = 3, .gate_names = "r,z,n", .splits_recurrent = true)                       \
    ROW(rnn, .gates = 1, .gate_names = "h")

#define DECLARATION(cell, ...) VECTOR_LEVELS_DECLARE(const struct cell_functions, cell_##cell);
#define OPERATIONS(cell, ...) {.name = #cell, __VA_ARGS__, .levels = VECTOR_LEVELS_ARRAY(cell_##cell)},
#define NAME(cell, ...) #cell,
/* clang-format on */

CELLS(DECLARATION)
const struct cell_ops cells[] = {CELLS(OPERATIONS)};
const char *const cell_names[] = {CELLS(NAME) NULL};
const size_t cell_count = sizeof cells / sizeof cells[0];

const struct cell_ops *cell_find(const char *name)
{
    for (size_t i = 0; i < cell_count; i++) {
        if (strcmp(cells[i].name, name) == 0)
            return &cells[i];
    }
    return NULL;
}

const struct cell_functions *cell_functions_in_use(const struct cell_ops *cell)
{
    return cell->levels[vector_level_in_use()];
}
