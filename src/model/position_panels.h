#ifndef LSTM_MPI_MODEL_POSITION_PANELS_H
#define LSTM_MPI_MODEL_POSITION_PANELS_H

/* Values at all positions (time steps × rows) of a batch, and the operands that are made of them. */

#include "lstm_mpi/linalg/panels.h"

/* Values at all positions: [steps, rows, width], those of a position `stride` floats from the next. */
struct position_values {
    const float *values;
    size_t positions;
    size_t width;
    size_t stride;
    double largest; /* of the absolute values, over the whole batch; exact sums alone need it */
};

/* Those that lie without gaps. */
static inline struct position_values position_values_dense(const float *values, size_t positions,
                                                           size_t width)
{
    return (struct position_values){
        .values = values, .positions = positions, .width = width, .stride = width};
}

/* Values at all positions as an operand of products that are as deep as there are positions: in one piece, or
 * one a row. */
struct position_panels {
    size_t pieces;
    struct panels *panels; /* [pieces]: lanes are the width of the values, depths the positions of a piece */
    double largest;        /* of the values that were packed last */
};

MUST_CHECK enum status position_panels_create(struct position_panels *operand, enum panels_side side,
                                              size_t width, size_t rows, size_t steps, bool exact,
                                              struct error *error);

/* Lazy ones (panels_create_lazy): of values that stay where they are until the products have been made.
 */
MUST_CHECK enum status position_panels_create_lazy(struct position_panels *operand, size_t rows, size_t steps,
                                                   bool exact, struct error *error);
void position_panels_free(struct position_panels *operand);

/* Floats that it holds. */
size_t position_panels_floats(const struct position_panels *operand);

void position_panels_pack(struct position_panels *operand, const struct position_values *values);

#endif
