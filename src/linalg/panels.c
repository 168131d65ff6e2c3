#include "lstm_mpi/linalg/panels.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "vector_functions.h"

#include <assert.h>
#include <blis.h>
#include <string.h>

/* BLIS's micro-kernel of the configuration in use, with its sides named as in panels.h. */
struct kernel {
    sgemm_ukr_ft run;
    cntx_t *context;
    size_t narrow;
    size_t wide;
    bool rows_are_narrow; /* the kernel prefers rows: its M side is the narrow one */
    bool multiplies_packed;
    size_t few_rows; /* tiles with at most so many rows are not for BLIS's kernel */
};

static const struct kernel *kernel_in_use(void)
{
    static struct kernel kernel;
    if (kernel.run)
        return &kernel;
    cntx_t *context = bli_gks_query_cntx();
    size_t rows = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, context);
    size_t columns = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, context);
    kernel.context = context;
    kernel.rows_are_narrow = bli_cntx_l3_vir_ukr_prefers_rows_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    kernel.narrow = kernel.rows_are_narrow ? rows : columns;
    kernel.wide = kernel.rows_are_narrow ? columns : rows;
    /* Where the two kernels round differently (with fused multiply-adds and without), a row would depend on
     * how many rows lie beside it. */
    bool rounds_alike = vector_level_in_use() == VECTOR_BASELINE || bli_arch_query_id() != BLIS_ARCH_GENERIC;
    bool strips_fit = kernel.wide % vector_functions_in_use()->strip_columns == 0;
    kernel.few_rows = rounds_alike && strips_fit ? FEW_ROWS : 0;
    kernel.multiplies_packed = bli_thread_get_num_threads() <= 1 && blis_setup_in_use()->threads <= 1;
    void *function = bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);
    memcpy(&kernel.run, &function, sizeof kernel.run); /* POSIX allows it, ISO C has no cast for it */
    return &kernel;
}

static size_t panel_count(size_t lanes, size_t width)
{
    return (lanes + width - 1) / width;
}

/* BLIS's kernels load the operands of the next depth before they know whether there is one: what follows the
 * last panel must be memory too. Those of BLIS 0.9 read one depth too many. */
enum { DEPTHS_READ_BEYOND = 2 };

size_t panels_width(enum panels_side side)
{
    return side == PANELS_WIDE ? kernel_in_use()->wide : kernel_in_use()->narrow;
}

size_t panels_floats(enum panels_side side, size_t lanes, size_t depth)
{
    static const size_t alignment = MEMORY_ALIGNMENT / sizeof(float);
    if (panels_are_views())
        return 0;
    size_t floats =
        (panel_count(lanes, panels_width(side)) * depth + DEPTHS_READ_BEYOND) * panels_width(side);
    return (floats + alignment - 1) / alignment * alignment;
}

void panels_place(struct panels *panels, enum panels_side side, size_t lanes, size_t depth, float *memory)
{
    *panels = (struct panels){
        .side = side,
        .width = panels_width(side),
        .capacity = panels_floats(side, lanes, depth),
        .data = panels_are_views() ? NULL : memory,
    };
}

enum status panels_create(struct panels *panels, enum panels_side side, size_t lanes, size_t depth,
                          struct error *error)
{
    float *memory;
    enum status status = memory_new(&memory, panels_floats(side, lanes, depth), error);
    panels_place(panels, side, lanes, depth, memory);
    panels->owned = memory;
    return status;
}

void panels_free(struct panels *panels)
{
    memory_free(panels->owned);
    *panels = (struct panels){0};
}

bool panels_are_views(void)
{
    return !kernel_in_use()->multiplies_packed;
}

float *panels_element(const struct panels *panels, size_t lane, size_t depth)
{
    size_t width = panels->width;
    size_t lane_of_panel = lane % width;
    return panels->data + (lane - lane_of_panel) * panels->panel_depth + depth * width + lane_of_panel;
}

struct panels panels_slice(const struct panels *whole, struct range lanes, struct range depths)
{
    struct panels slice = *whole;
    assert(lanes.first % whole->width == 0 && lanes.first + lanes.count <= whole->source.lanes &&
           depths.first + depths.count <= whole->source.depth);
    slice.source.lanes = lanes.count;
    slice.source.depth = depths.count;
    if (whole->source.data)
        slice.source.data +=
            lanes.first * whole->source.lane_stride + depths.first * whole->source.depth_stride;
    if (whole->data)
        slice.data = panels_element(whole, lanes.first, depths.first);
    slice.owned = NULL;
    return slice;
}

void panels_begin(struct panels *panels, size_t lanes, size_t depth)
{
    assert(!panels->data ||
           (panel_count(lanes, panels->width) * depth + DEPTHS_READ_BEYOND) * panels->width <=
               panels->capacity);
    panels->source = (struct panels_source){.lanes = lanes, .depth = depth};
    panels->panel_depth = depth;
}

/* Packs some of the panels. */
static void pack(struct panels *panels, struct range some)
{
    const struct vector_functions *vector = vector_functions_in_use();
    const struct panels_source *source = &panels->source;
    size_t width = panels->width;
    for (size_t panel = some.first; panel < some.first + some.count; panel++) {
        size_t lane = panel * width;
        size_t lanes = smaller(source->lanes - lane, width);
        float *packed = panels_element(panels, lane, 0);
        if (source->lane_stride == 1)
            vector->pack_copied(width, lanes, source->depth, source->data + lane, source->depth_stride,
                                packed);
        else
            vector->pack_transposed(width, lanes, source->depth, source->data + lane * source->lane_stride,
                                    source->lane_stride, packed);
    }
}

void panels_pack(struct panels *panels, struct panels_source source)
{
    panels_pack_part(panels, source, 0, 1);
}

void panels_pack_part(struct panels *panels, struct panels_source source, size_t part, size_t parts)
{
    assert(source.lane_stride == 1 || source.depth_stride == 1);
    panels_begin(panels, source.lanes, source.depth);
    panels->source = source;
    if (panels->data)
        pack(panels, partition_range(panel_count(source.lanes, panels->width), parts, part));
}

void panels_scale_depths(struct panels *panels, const float *factors)
{
    size_t width = panels->width;
    for (size_t lane = 0; lane < panels->source.lanes; lane += width) {
        float *panel = panels_element(panels, lane, 0);
        for (size_t k = 0; k < panels->source.depth; k++)
            vector_functions_in_use()->scale(width, factors[k], panel + k * width);
    }
}

void panels_add_depth(const struct panels *panels, size_t depth, float factor, float *out)
{
    for (size_t lane = 0; lane < panels->source.lanes; lane += panels->width) {
        size_t lanes = smaller(panels->source.lanes - lane, panels->width);
        vector_functions_in_use()->axpy(lanes, factor, panels_element(panels, lane, depth), out + lane);
    }
}

void panels_add_weighted_depths(const struct panels *panels, const float *factors, float *out)
{
    size_t width = panels->width;
    for (size_t lane = 0; lane < panels->source.lanes; lane += width)
        vector_functions_in_use()->add_weighted_rows(panels->source.depth, width,
                                                     smaller(panels->source.lanes - lane, width),
                                                     panels_element(panels, lane, 0), factors, out + lane);
}

/* BLIS's kernels for small matrices round a row otherwise than its large ones do: without them a row does not
 * depend on how many rows lie beside it. */
static void multiply_unpacked(float *C, size_t stride, const struct panels_source *A,
                              const struct panels_source *B, bool accumulate)
{
    float one = 1;
    float beta = accumulate ? 1 : 0;
    rntm_t runtime;
    bli_rntm_init_from_global(&runtime);
    bli_rntm_disable_l3_sup(&runtime);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)A->lanes, (dim_t)B->lanes, (dim_t)A->depth,
                 &one, (float *)A->data, (inc_t)A->lane_stride, (inc_t)A->depth_stride, (float *)B->data,
                 (inc_t)B->depth_stride, (inc_t)B->lane_stride, &beta, C, (inc_t)stride, 1, NULL, &runtime);
}

/* C is read and written once for each block of depth, so the blocks are deep. The rows of A are gone through
 * in blocks that stay in the second cache beside a wide panel of such a depth. */
enum { DEPTH_BLOCK = 1200, NARROW_BLOCK_LANES = 132 };

/* One tile of C: the rows of one narrow panel, the columns of one wide panel. */
struct tile {
    float *C;
    size_t stride;
    size_t rows;
    size_t columns;
    float *narrow;
    float *next_narrow;
    float *wide;
    size_t depth;
    bool accumulate;
};

static void multiply_tile(const struct kernel *kernel, const struct tile *tile)
{
    float one = 1;
    float beta = tile->accumulate ? 1 : 0;
    auxinfo_t next = {0};
    if (kernel->rows_are_narrow) {
        bli_auxinfo_set_next_ab(tile->next_narrow, tile->wide, &next);
        kernel->run((dim_t)tile->rows, (dim_t)tile->columns, (dim_t)tile->depth, &one, tile->narrow,
                    tile->wide, &beta, tile->C, (inc_t)tile->stride, 1, &next, kernel->context);
    } else {
        bli_auxinfo_set_next_ab(tile->wide, tile->next_narrow, &next);
        kernel->run((dim_t)tile->columns, (dim_t)tile->rows, (dim_t)tile->depth, &one, tile->wide,
                    tile->narrow, &beta, tile->C, 1, (inc_t)tile->stride, &next, kernel->context);
    }
}

/* BLIS's kernel takes as long for a panel with few rows as for a full one. */
static void multiply_tile_of_few_rows(const struct kernel *kernel, const struct tile *tile)
{
    vector_functions_in_use()->multiply_few_rows(&(struct few_rows){
        .narrow = tile->narrow,
        .narrow_width = kernel->narrow,
        .wide = tile->wide,
        .wide_width = kernel->wide,
        .depth = tile->depth,
        .C = tile->C,
        .stride = tile->stride,
        .rows = tile->rows,
        .columns = tile->columns,
        .accumulate = tile->accumulate,
    });
}

static void multiply_block(const struct kernel *kernel, float *C, size_t stride, const struct panels *A,
                           const struct panels *B, struct range rows, struct range depths, bool accumulate)
{
    for (size_t column = 0; column < B->source.lanes; column += B->width) {
        for (size_t row = rows.first; row < rows.first + rows.count; row += A->width) {
            float *narrow = panels_element(A, row, depths.first);
            struct tile tile = {
                .C = C + row * stride + column,
                .stride = stride,
                .rows = smaller(A->source.lanes - row, A->width),
                .columns = smaller(B->source.lanes - column, B->width),
                .narrow = narrow,
                .next_narrow = narrow + A->panel_depth * A->width,
                .wide = panels_element(B, column, depths.first),
                .depth = depths.count,
                .accumulate = accumulate,
            };
            if (tile.rows < A->width && tile.rows <= kernel->few_rows)
                multiply_tile_of_few_rows(kernel, &tile);
            else
                multiply_tile(kernel, &tile);
        }
    }
}

void panels_multiply(float *C, size_t stride, const struct panels *A, const struct panels *B, bool accumulate)
{
    const struct kernel *kernel = kernel_in_use();
    assert(A->side == PANELS_NARROW && B->side == PANELS_WIDE && A->source.depth == B->source.depth);
    if (!kernel->multiplies_packed) {
        multiply_unpacked(C, stride, &A->source, &B->source, accumulate);
        return;
    }
    size_t depth = A->source.depth;
    size_t row_block = NARROW_BLOCK_LANES / A->width * A->width;
    size_t depth_blocks = (depth + DEPTH_BLOCK - 1) / DEPTH_BLOCK;
    for (size_t block = 0; block < depth_blocks; block++) {
        struct range depths = partition_range(depth, depth_blocks, block);
        for (size_t row = 0; row < A->source.lanes; row += row_block) {
            size_t count = smaller(A->source.lanes - row, row_block);
            multiply_block(kernel, C, stride, A, B, (struct range){row, count}, depths,
                           accumulate || block > 0);
        }
    }
}

void panels_multiply_into(struct panels *C, const struct panels *A, const struct panels *B)
{
    assert(C->side == PANELS_WIDE && C->source.lanes == B->source.lanes &&
           C->source.depth == A->source.lanes);
    struct range depths = {0, B->source.depth};
    for (size_t lane = 0; lane < C->source.lanes; lane += C->width) {
        struct range lanes = {lane, smaller(C->source.lanes - lane, C->width)};
        struct panels panel = panels_slice(B, lanes, depths);
        panels_multiply(panels_element(C, lane, 0), C->width, A, &panel, false);
    }
}
