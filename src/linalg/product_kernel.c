#include "product_kernel.h"

#include <assert.h>
#include <string.h>

/* With no more rows than these, the time goes to bringing B from beyond the L2 cache, which our own loops
 * do better, and rows may be multiplied where they lie. */
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
static void share_with_own_loops(struct product_kernel *kernel)
{
    const struct rows_kernel *own_loops = kernel->own_loops;
    bool rounds_alike = own_loops->fuses == blis_fuses();
    bool strips_fit = kernel->wide % own_loops->strip_columns == 0;
    if (!rounds_alike || !strips_fit)
        return;
    kernel->few_rows_of_panel = MOST_ROWS;
    kernel->own_loops_hold_panel = kernel->narrow <= own_loops->register_rows;
    kernel->few_rows_of_product = kernel->own_loops_hold_panel ? FEW_PANELS * kernel->narrow : 0;
}

static void take_own_loops(struct product_kernel *kernel)
{
    kernel->own_loops_alone = kernel->own_loops_hold_panel = true;
    kernel->narrow = kernel->own_loops->register_rows;
    kernel->wide = kernel->own_loops->strip_columns;
    kernel->few_rows_of_product = FEW_ROWS_ALONE;
}

static struct product_kernel chosen;

const struct product_kernel *product_kernel_in_use(void)
{
    assert(chosen.run);
    return &chosen;
}

void product_kernel_set_own_loops_alone(bool alone)
{
    chosen.own_loops_alone = alone;
}

void product_kernel_choose(bool own_loops, int threads)
{
    static const struct rows_kernel *const levels[] = VECTOR_LEVELS_ARRAY(rows_kernel);
    chosen = (struct product_kernel){.own_loops = levels[vector_level_in_use()],
                                     .multiplies_packed = threads <= 1};
    take_blis(&chosen, bli_gks_query_cntx());
    bool may_be_own = own_loops && chosen.multiplies_packed;
    bool blis_is_for_shorter_vectors =
        chosen.own_loops->fuses && chosen.own_loops->strip_columns > chosen.wide;
    if (may_be_own && (chosen.own_loops->outruns_blis || blis_is_for_shorter_vectors)) {
        take_own_loops(&chosen);
        return;
    }
    share_with_own_loops(&chosen);
    chosen.wants_trial = may_be_own && chosen.own_loops_hold_panel;
}
