#ifndef LSTM_MPI_DIST_REST_H
#define LSTM_MPI_DIST_REST_H

/* Sleep for the ranks of a node that are no workers (lstm_mpi/dist/comm.h), until its workers have done their
 * work. A rank that waits in MPI looks for messages all the time, and yields the CPU in between at best:
 * where others compute, the scheduler may give it as much of the CPU as them. */

#include "lstm_mpi/dist/comm.h"

struct rest;

/* The caller owns: rest_destroy. Collective. */
MUST_CHECK enum status rest_create(struct rest **out, const struct comm *comm, struct error *error);
void rest_destroy(struct rest *rest);

/* Workers go on at once; the others sleep until all workers of the node have called it as often as they.
 * Between two calls all ranks of the node call a collective function. */
void rest_until_workers_are_here(struct rest *rest);

#endif
