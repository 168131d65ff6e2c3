#include "product_kernel.h"

#include "lstm_mpi/linalg/blis_setup.h"
#include "vector_functions.h"

#include <string.h>

/* With no more rows than these, the time goes to bringing B from beyond the second cache, which our own loops
 * do better. */
enum { FEW_PANELS = 12, FEW_ROWS_ALONE = 72 };

/* Do BLIS's kernels round a product and its addition once? */
static bool blis_fuses(void)
{
    arch_t id = bli_arch_query_id();
    return id != BLIS_ARCH_SANDYBRIDGE && id != BLIS_ARCH_PENRYN && id != BLIS_ARCH_GENERIC;
}

static void take_blis(struct product_kernel *kernel, cntx_t *context)
{
    size_t rows = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, context);
    size_t columns = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, context);
    void *function = bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    memcpy(&kernel->run, &function, sizeof kernel->run); /* POSIX allows it, ISO C has no cast for it */
    kernel->context = context;
    kernel->rows_are_narrow = bli_cntx_l3_vir_ukr_prefers_rows_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    kernel->narrow = kernel->rows_are_narrow ? rows : columns;
    kernel->wide = kernel->rows_are_narrow ? columns : rows;
}

/* Where BLIS and our own loops round differently, a row would depend on how many rows lie beside it. */
static void share_with_own_loops(struct product_kernel *kernel, const struct vector_functions *vector)
{
    bool rounds_alike = vector->fuses == blis_fuses();
    bool strips_fit = kernel->wide % vector->strip_columns == 0;
    if (!rounds_alike || !strips_fit)
        return;
    kernel->few_rows_of_panel = MOST_ROWS;
    kernel->own_loops_hold_panel = kernel->narrow <= vector->register_rows;
    kernel->few_rows_of_product = kernel->own_loops_hold_panel ? FEW_PANELS * kernel->narrow : 0;
}

static void take_own_loops(struct product_kernel *kernel, const struct vector_functions *vector)
{
    kernel->own_loops_alone = kernel->own_loops_hold_panel = true;
    kernel->narrow = vector->register_rows;
    kernel->wide = vector->strip_columns;
    kernel->few_rows_of_panel = MOST_ROWS;
    kernel->few_rows_of_product = FEW_ROWS_ALONE;
}

const struct product_kernel *product_kernel_in_use(void)
{
    static struct product_kernel kernel;
    if (kernel.run)
        return &kernel;
    const struct vector_functions *vector = vector_functions_in_use();
    const struct blis_setup *setup = blis_setup_in_use();
    kernel.multiplies_packed = bli_thread_get_num_threads() <= 1 && setup->threads <= 1;
    take_blis(&kernel, bli_gks_query_cntx());
    if (setup->own_loops)
        take_own_loops(&kernel, vector);
    else
        share_with_own_loops(&kernel, vector);
    return &kernel;
}
