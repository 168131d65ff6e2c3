#ifndef LSTM_MPI_LINALG_KERNEL_TRIAL_H
#define LSTM_MPI_LINALG_KERNEL_TRIAL_H

#include "lstm_mpi/base/error.h"

/* Times BLIS's kernel and our own loops where the panels suit both (product_kernel.wants_trial), and chooses.
 * Takes some milliseconds. Both give the same bits, so that processes may come to different answers. Fails
 * for lack of memory. */
MUST_CHECK enum status kernel_trial_choose_the_faster(struct error *error);

#endif
