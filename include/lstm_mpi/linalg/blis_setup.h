#ifndef LSTM_MPI_LINALG_BLIS_SETUP_H
#define LSTM_MPI_LINALG_BLIS_SETUP_H

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Which of BLIS's configurations computes, and why. */
struct blis_setup {
    char version[32];
    char configuration[32]; /* BLIS's own name: "skx" */
    char threading[16];     /* of the library: "serial", "pthread", "openmp" */
    char reason[128];
    int threads;
    bool own_loops; /* they multiply in the place of BLIS's kernels (see blis_setup_start) */
};

/* Starts BLIS. Where BLIS does not know the CPU and would take its generic kernels although the CPU has AVX2
 * or AVX-512, or kernels for AVX2 although it has AVX-512, or where it would take more than the vector level
 * in use has, the best configuration of that level is chosen for it through BLIS_ARCH_TYPE, unless the user
 * set that variable. One thread, unless the user set BLIS_NUM_THREADS (or, with a threaded BLIS, BLIS_JC_NT
 * and the like, or OMP_NUM_THREADS). Where our own loops are faster than its kernels they multiply instead,
 * with AVX2 always, else if a trial says so (see product_kernel.h), unless the user set BLIS_ARCH_TYPE, or
 * more than one thread. Call it before anything else that uses BLIS and before MPI starts, since it asks a
 * child process what BLIS would choose. Fails when BLIS_ARCH_TYPE names a configuration that this CPU cannot
 * run or that BLIS does not have, where BLIS itself would abort. */
MUST_CHECK enum status blis_setup_start(struct error *error);

/* What a process can compute with, and would. Processes that share their work must compute alike, wherever
 * they are: with what is offered by all of them, which is the intersection of the first two sets and the
 * union of the last. */
struct blis_offer {
    uint64_t levels;         /* bits by enum vector_level */
    uint64_t configurations; /* bits by BLIS's numbers; where the user set BLIS_ARCH_TYPE, that one alone */
    uint64_t preferred;      /* the configuration that this process would take by itself */
    bool own_loops;          /* the user did not ask for kernels of BLIS; all must say so */
};

/* blis_setup_start in two steps: what this process offers, before MPI starts; and with what all of them
 * offer, the start. Where they prefer the same they take it, else the best that all can run, and none a
 * higher vector level than another. The second step fails, alike on all, where they have nothing in common.
 */
MUST_CHECK enum status blis_setup_offer(struct blis_offer *offer, struct error *error);
MUST_CHECK enum status blis_setup_start_common(const struct blis_offer *common, struct error *error);

/* What was chosen. A view. */
const struct blis_setup *blis_setup_in_use(void);

#endif
