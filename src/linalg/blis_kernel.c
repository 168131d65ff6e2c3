#include "blis_kernel.h"

#include "lstm_mpi/linalg/blis_setup.h"
#include "vector_functions.h"

#include <string.h>

/* With no more panels of rows than these, the time goes to bringing B from beyond the second cache, which our
 * own loops do better. */
enum { FEW_PANELS = 12 };

/* Do the kernels round a product and its addition once? */
static bool blis_fuses(void)
{
    arch_t id = bli_arch_query_id();
    return id != BLIS_ARCH_SANDYBRIDGE && id != BLIS_ARCH_PENRYN && id != BLIS_ARCH_GENERIC;
}

const struct blis_kernel *blis_kernel_in_use(void)
{
    static struct blis_kernel kernel;
    if (kernel.run)
        return &kernel;
    const struct vector_functions *vector = vector_functions_in_use();
    cntx_t *context = bli_gks_query_cntx();
    size_t rows = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, context);
    size_t columns = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, context);
    kernel.context = context;
    kernel.rows_are_narrow = bli_cntx_l3_vir_ukr_prefers_rows_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    kernel.narrow = kernel.rows_are_narrow ? rows : columns;
    kernel.wide = kernel.rows_are_narrow ? columns : rows;
    kernel.multiplies_packed = bli_thread_get_num_threads() <= 1 && blis_setup_in_use()->threads <= 1;
    /* Where BLIS and our own loops round differently, a row would depend on how many rows lie beside it. */
    bool rounds_alike = vector->fuses == blis_fuses();
    bool strips_fit = kernel.wide % vector->strip_columns == 0;
    if (rounds_alike && strips_fit) {
        kernel.few_rows_of_panel = MOST_ROWS;
        kernel.own_loops_hold_panel = kernel.narrow <= vector->register_rows;
        kernel.few_rows_of_product = kernel.own_loops_hold_panel ? FEW_PANELS * kernel.narrow : 0;
    }
    void *function = bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    memcpy(&kernel.run, &function, sizeof kernel.run); /* POSIX allows it, ISO C has no cast for it */
    return &kernel;
}
