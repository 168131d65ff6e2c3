#ifndef LSTM_MPI_TRAIN_NEW_WEIGHTS_H
#define LSTM_MPI_TRAIN_NEW_WEIGHTS_H

#include "update.h"

/* New weights, in the node's copy, for the sums of gradients that this rank has, clipped to the norm that the
 * update knows; and where the optimizer moves weights without a gradient too, for this rank's share of those.
 */
void new_weights(struct update *update, const struct gradient_parts *sums, double rate);

#endif
