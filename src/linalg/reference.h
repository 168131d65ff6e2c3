#ifndef LSTM_MPI_LINALG_REFERENCE_H
#define LSTM_MPI_LINALG_REFERENCE_H

/* What every vector level computes, in plain C: to read, and for tests to compare with. */

#include "panel_functions.h"
#include "rows_product.h"
#include "softmax_functions.h"
#include "vector_functions.h"

extern const struct vector_functions vector_reference;
extern const struct panel_functions panel_reference;
extern const struct softmax_functions softmax_reference;
extern const struct rows_kernel rows_reference;

#endif
