#include "position_panels.h"

#include "lstm_mpi/base/memory.h"

static enum status create(struct position_panels *operand, bool lazy, enum panels_side side, size_t width,
                          size_t rows, size_t steps, bool exact, struct error *error)
{
    enum status status;
    size_t pieces = exact ? rows : 1;
    size_t positions = exact ? steps : steps * rows;
    *operand = (struct position_panels){0};
    TRY(memory_new(&operand->panels, pieces, error));
    operand->pieces = pieces;
    for (size_t i = 0; i < pieces; i++) {
        struct panels *piece = &operand->panels[i];
        TRY(lazy ? panels_create_lazy(piece, positions, error)
                 : panels_create(piece, side, width, positions, error));
    }
done:
    if (status != STATUS_OK)
        position_panels_free(operand);
    return status;
}

enum status position_panels_create(struct position_panels *operand, enum panels_side side, size_t width,
                                   size_t rows, size_t steps, bool exact, struct error *error)
{
    return create(operand, false, side, width, rows, steps, exact, error);
}

enum status position_panels_create_lazy(struct position_panels *operand, size_t rows, size_t steps,
                                        bool exact, struct error *error)
{
    return create(operand, true, PANELS_WIDE, 0, rows, steps, exact, error);
}

void position_panels_free(struct position_panels *operand)
{
    for (size_t i = 0; i < operand->pieces; i++)
        panels_free(&operand->panels[i]);
    memory_free(operand->panels);
    *operand = (struct position_panels){0};
}

size_t position_panels_floats(const struct position_panels *operand)
{
    size_t floats = 0;
    for (size_t i = 0; i < operand->pieces; i++)
        floats += operand->panels[i].capacity;
    return floats;
}

/* Piece i has every pieces-th position, from i on: all of them, or those of row i. */
void position_panels_pack(struct position_panels *operand, const struct position_values *values)
{
    size_t pieces = operand->pieces;
    operand->largest = values->largest;
    for (size_t i = 0; i < pieces; i++) {
        struct panels_source source = {.data = values->values + i * values->stride,
                                       .lanes = values->width,
                                       .depth = values->positions / pieces,
                                       .lane_stride = 1,
                                       .depth_stride = pieces * values->stride};
        panels_pack(&operand->panels[i], source);
    }
}
