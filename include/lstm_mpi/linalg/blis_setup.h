#ifndef LSTM_MPI_LINALG_BLIS_SETUP_H
#define LSTM_MPI_LINALG_BLIS_SETUP_H

#include "lstm_mpi/base/error.h"

/* Which of BLIS's configurations computes, and why. */
struct blis_setup {
    char version[32];
    char configuration[32]; /* BLIS's own name: "skx" */
    char threading[16];     /* of the library: "serial", "pthread", "openmp" */
    char reason[128];
    int threads;
};

/* Starts BLIS. Where BLIS does not know the CPU and would take its generic kernels although the CPU has AVX2
 * or AVX-512, or where it would take more than the vector level in use has, the best configuration of that
 * level is chosen for it through BLIS_ARCH_TYPE, unless the user set that variable. One thread, unless the
 * user set BLIS_NUM_THREADS (or, with a threaded BLIS, BLIS_JC_NT and the like, or OMP_NUM_THREADS). Call it
 * before anything else that uses BLIS and before MPI starts, since it asks a child process what BLIS would
 * choose. Fails when BLIS_ARCH_TYPE names a configuration that this CPU cannot run or that BLIS does not
 * have, where BLIS itself would abort. */
MUST_CHECK enum status blis_setup_start(struct error *error);

/* What blis_setup_start chose. A view. */
const struct blis_setup *blis_setup_in_use(void);

#endif
