#include "lstm_mpi/model/cell.h"

#include "lstm_mpi/linalg/vector_level.h"

#include <string.h>

VECTOR_LEVELS_DECLARE(const struct cell_functions, cell_lstm);

const struct cell_ops cells[] = {
    {
        .name = "lstm",
        .gates = 4,
        .gate_names = "i,f,o,c",
        .has_cell_state = true,
        .levels = VECTOR_LEVELS_ARRAY(cell_lstm),
    },
};
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
