#ifndef LSTM_MPI_TRAIN_RESUME_H
#define LSTM_MPI_TRAIN_RESUME_H

#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/run_directory.h"

/* Opens the newest good checkpoint of a claimed run directory, with a warning for each newer one that is not
 * good: damaged, cut short or of another form. NULL where there is no checkpoint at all. Fails where there
 * are some, but no good one, which is no fresh start; and where a newer one may be good, but cannot be read
 * now or not by this version of the program. Collective. */
MUST_CHECK enum status resume_open_newest(struct checkpoint **out, struct run_directory *directory,
                                          const struct comm *comm, struct error *error);

#endif
