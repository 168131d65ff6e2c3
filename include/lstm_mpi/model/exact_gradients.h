#ifndef LSTM_MPI_MODEL_EXACT_GRADIENTS_H
#define LSTM_MPI_MODEL_EXACT_GRADIENTS_H

/* Gradients that do not depend on which rows of a batch are computed together, to the bit: those of some rows
 * and those of the others add up, in any order, to those of all.
 *
 * A gradient of a weight is a sum over all rows and time steps. What one row contributes is computed in
 * float32, the same wherever that is done; the contributions are added exactly, in double
 * (lstm_mpi/linalg/exact_sum.h). */

#include <stddef.h>

/* The sums are laid out as what model_gradients writes, with one difference. The output layer and the inputs
 * both add to a tied embedding, and only sums below the same bound can be added exactly. So what inputs add
 * is kept apart: in rows of token_row_size behind the dense part, where otherwise the row tables have theirs.
 * To be added, and rounded, when both are the sums of all rows. */
struct exact_gradients {
    double *sums;
    double *row_losses; /* [rows]: of each row the sum of its cross-entropies */
    size_t positions;   /* rows · steps of all who compute gradients of the same batch */

    /* The largest of the numbers that all of them give. They call it equally often, and all get the same. */
    double (*largest_of_all)(void *context, double largest);
    void *context;
};

#endif
