#ifndef LSTM_MPI_LINALG_BLIS_KERNEL_H
#define LSTM_MPI_LINALG_BLIS_KERNEL_H

/* BLIS's micro-kernel of the configuration in use, with its sides named as in lstm_mpi/linalg/panels.h, and
 * what is left to our own loops. */

#include <blis.h>
#include <stdbool.h>
#include <stddef.h>

struct blis_kernel {
    sgemm_ukr_ft run;
    cntx_t *context;
    size_t narrow;
    size_t wide;
    bool rows_are_narrow; /* the kernel prefers rows: its M side is the narrow one */
    bool multiplies_packed;
    size_t few_rows_of_panel;   /* panels of which little is filled, with no more rows: for our own loops */
    size_t few_rows_of_product; /* a product with no more rows: the same */
    bool own_loops_hold_panel;  /* the sums of a full narrow panel in registers, and round alike */
};

const struct blis_kernel *blis_kernel_in_use(void);

#endif
