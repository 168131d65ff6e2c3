#ifndef LSTM_MPI_TESTS_PARALLEL_H
#define LSTM_MPI_TESTS_PARALLEL_H

/* Checks for programs that run on several ranks: a failure names its rank and does not stop that rank, which
 * would leave the others waiting. */

#include "lstm_mpi/dist/comm.h"

#include <stdio.h>

/* How many checks failed on this rank. */
static int parallel_failures;

#define CHECK(condition)                                                                                 \
    do {                                                                                                 \
        if (!(condition)) {                                                                              \
            fprintf(stderr, "rank %d: %s:%d: %s\n", parallel_comm.rank, __FILE__, __LINE__, #condition); \
            parallel_failures++;                                                                         \
        }                                                                                                \
    } while (0)

/* The ranks of the test. */
static struct comm parallel_comm;

/* Runs `test` on all ranks, and returns the exit status: 0 if every check held on this rank. */
static inline int parallel_run(void (*test)(const struct comm *comm))
{
    struct error error;
    if (comm_start(&parallel_comm, &error) != STATUS_OK) {
        char line[ERROR_LINE_BYTES];
        error_line(line, &error);
        fprintf(stderr, "%s\n", line);
        return 1;
    }
    test(&parallel_comm);
    comm_finish(&parallel_comm);
    return parallel_failures == 0 ? 0 : 1;
}

#endif
