#ifndef LSTM_MPI_OPTIM_CLIP_H
#define LSTM_MPI_OPTIM_CLIP_H

/* Clipping by the global norm (Pascanu et al. 2013): the factor for every gradient, max_norm / norm where
 * norm > max_norm, else 1. A max_norm of 0 never clips. */
double clip_factor(double norm, double max_norm);

#endif
