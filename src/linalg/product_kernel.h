#ifndef LSTM_MPI_LINALG_PRODUCT_KERNEL_H
#define LSTM_MPI_LINALG_PRODUCT_KERNEL_H

/* What multiplies panels: BLIS's micro-kernel of the configuration in use, with its sides named as in
 * lstm_mpi/linalg/panels.h, and our own loops for what is left to them, or for all. */

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
    bool wants_trial;           /* the panels suit both */
    size_t few_rows_of_panel;   /* panels of which little is filled, with no more rows: for our own loops */
    size_t few_rows_of_product; /* a product with no more rows: the same */
};

/* Chooses, once BLIS has started, with so many threads a rank: our own loops alone only if `own_loops` says
 * that they may be taken. They are with AVX2, and where BLIS's kernel is for shorter vectors. Where both want
 * the same panels, a trial may tell which is the faster (see kernel_trial.h); until then it is BLIS's kernel.
 */
void product_kernel_choose(bool own_loops, int threads);

/* Where the panels suit both: our own loops for all products, or BLIS's kernel for most. */
void product_kernel_set_own_loops_alone(bool alone);

/* What was chosen. */
const struct product_kernel *product_kernel_in_use(void);

#endif
