#ifndef LSTM_MPI_LINALG_PRODUCT_KERNEL_H
#define LSTM_MPI_LINALG_PRODUCT_KERNEL_H

/* What multiplies panels: BLIS's micro-kernel of the configuration in use, with its sides named as in
 * lstm_mpi/linalg/panels.h, and our own loops for what is left to them, or for all. */

#include "lstm_mpi/base/error.h"
#include "rows_product.h"

#include <blis.h>
#include <stdbool.h>
#include <stddef.h>

struct product_kernel {
    sgemm_ukr_ft run;
    cntx_t *context;
    const struct rows_kernel *own_loops;
    size_t narrow;
    size_t wide;
    bool rows_are_narrow; /* BLIS's kernel prefers rows: its M side is the narrow one */
    bool multiplies_packed;
    bool own_loops_alone;       /* they multiply everything: the panels are as they want them */
    bool own_loops_hold_panel;  /* the sums of a full narrow panel in registers, and round as BLIS does */
    size_t few_rows_of_panel;   /* panels of which little is filled, with no more rows: for our own loops */
    size_t few_rows_of_product; /* a product with no more rows: the same */
};

/* Chooses, once BLIS has started: our own loops alone only if `own_loops` says that they may be taken. They
 * are with AVX2, and where BLIS's kernel is for shorter vectors. Where they want the panels that BLIS's
 * kernel wants, both are timed, which takes some milliseconds; both give the same bits, so that processes may
 * come to different answers. Fails for lack of memory. */
MUST_CHECK enum status product_kernel_choose(bool own_loops, struct error *error);

/* Where the panels suit both: our own loops alone, or BLIS's kernel, for deep products too. */
void product_kernel_set_own_loops(bool alone);

/* What was chosen. */
const struct product_kernel *product_kernel_in_use(void);

#endif
