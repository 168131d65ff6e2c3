/* C = A·B or C += A·B in panels. The nest, and who goes through what:
 *
 *     for each block of depths                 multiply
 *         for each block of tiles of A         multiply_depths
 *             for each panel or two of B       multiply_by_own_loops, multiply_mostly_by_blis
 *                 for each tile of A           multiply_columns, multiply_columns_by_blis
 *                     C[tile][panels] += A[tile][depths] · B[depths][panels]
 *
 * The last line in plain C: rows_reference.c. Where B is packed lazily, multiply_lazily packs each panel as
 * it comes to it, with all tiles of A. */

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/panels.h"
#include "pack_panel.h"
#include "product_kernel.h"

#include <assert.h>

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
 * in blocks that a core's part of the L3 cache holds: they stream from there, and the longer they are the
 * less often a wide panel has to come first. */
enum { DEPTH_BLOCK = 1200, NARROW_BLOCK_LANES = 528 };

/* A in tiles of as many rows as a narrow panel has: a matrix in memory, or narrow panels. */
struct tiles {
    const float *data;
    size_t rows;
    size_t depth;
    size_t rows_of_tile;
    size_t tile_stride;
    size_t row_stride;
    size_t depth_stride;
};

struct product {
    float *C;
    size_t stride;
    struct tiles A;
    const struct panels *B;
    bool accumulate;
};

static struct tiles tiles_of_panels(const struct panels *A)
{
    return (struct tiles){
        .data = A->data,
        .rows = A->source.lanes,
        .depth = A->source.depth,
        .rows_of_tile = A->width,
        .tile_stride = A->panel_stride,
        .row_stride = 1,
        .depth_stride = A->width,
    };
}

static struct tiles tiles_of_matrix(const struct panels_source *A, size_t rows_of_tile)
{
    return (struct tiles){
        .data = A->data,
        .rows = A->lanes,
        .depth = A->depth,
        .rows_of_tile = rows_of_tile,
        .tile_stride = rows_of_tile * A->lane_stride,
        .row_stride = A->lane_stride,
        .depth_stride = A->depth_stride,
    };
}

static size_t tile_count(const struct tiles *tiles)
{
    return divide_up(tiles->rows, tiles->rows_of_tile);
}

/* Some columns from the first of a wide panel on, at some depths: all but what depends on the tile. */
static struct rows_product product_of_columns(const struct product *whole, size_t column, size_t most_columns,
                                              struct range depths)
{
    const struct panels *B = whole->B;
    return (struct rows_product){
        .tile_stride = whole->A.tile_stride,
        .row_stride = whole->A.row_stride,
        .depth_stride = whole->A.depth_stride,
        .wide = B->lazy ? B->data : panels_element(B, column, depths.first),
        .wide_width = B->width,
        .panel_stride = B->panel_stride,
        .depth = depths.count,
        .C = whole->C + column,
        .stride = whole->stride,
        .columns = smaller(B->source.lanes - column, most_columns),
        .accumulate = whole->accumulate || depths.first > 0,
    };
}

/* Tiles of like many rows, from the `first` on. */
static struct rows_product product_of_tiles(const struct product *whole, const struct rows_product *columns,
                                            size_t first, size_t count, size_t depth)
{
    const struct tiles *A = &whole->A;
    struct rows_product product = *columns;
    size_t row = first * A->rows_of_tile;
    product.A = A->data + first * A->tile_stride + depth * A->depth_stride;
    product.C += row * product.stride;
    product.tiles = count;
    product.rows = smaller(A->rows - row, A->rows_of_tile);
    return product;
}

/* The tile is a narrow panel, the columns are those of one wide panel. */
static void multiply_by_blis(const struct product_kernel *kernel, const struct rows_product *tile,
                             const float *next_narrow)
{
    float one = 1;
    float beta = tile->accumulate ? 1 : 0;
    float *narrow = (float *)tile->A;
    float *wide = (float *)tile->wide;
    auxinfo_t next = {0};
    if (kernel->rows_are_narrow) {
        bli_auxinfo_set_next_ab((void *)next_narrow, wide, &next);
        kernel->run((dim_t)tile->rows, (dim_t)tile->columns, (dim_t)tile->depth, &one, narrow, wide, &beta,
                    tile->C, (inc_t)tile->stride, 1, &next, kernel->context);
    } else {
        bli_auxinfo_set_next_ab(wide, (void *)next_narrow, &next);
        kernel->run((dim_t)tile->columns, (dim_t)tile->rows, (dim_t)tile->depth, &one, wide, narrow, &beta,
                    tile->C, 1, (inc_t)tile->stride, &next, kernel->context);
    }
}

/* BLIS's kernel takes as long for panels of which little is filled as for full ones. */
static bool is_for_own_loops(const struct product_kernel *kernel, const struct rows_product *tile)
{
    bool little = tile->rows < kernel->narrow || 2 * tile->columns <= kernel->wide;
    return little && tile->rows <= kernel->few_rows_of_panel;
}

/* The next wide panel lies where the hardware does not look ahead, perhaps beyond the memory: then nothing is
 * fetched. Each tile fetches a part of it: for BLIS's kernel this can only be asked before it starts, and
 * more lines at once than a core can wait for would hold it up; our own loops fetch it little by little. */
enum { MOST_LINES_AT_ONCE = 16, LINES_OF_PAIR = 2, PAIR_FLOATS = LINES_OF_PAIR * MEMORY_LINE_FLOATS };

static size_t lines_of_panel(const struct panels *panels, size_t depth)
{
    return divide_up(depth * panels->width, MEMORY_LINE_FLOATS);
}

static void fetch_at_once(const struct rows_product *tile, size_t part, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        __builtin_prefetch(tile->fetched + (part * lines + i) * MEMORY_LINE_FLOATS, 0, 2);
}

static size_t times_to_fetch(const struct rows_product *product)
{
    return product->depth / product_kernel_in_use()->own_loops->fetch_depths;
}

/* So many pairs of lines are fetched by so many tiles. */
static void fetch_meanwhile(struct rows_product *columns, size_t pairs, size_t tiles)
{
    size_t times = larger(1, times_to_fetch(columns));
    columns->fetch_pairs = divide_up(pairs, times * tiles);
}

static void multiply_columns_by_blis(const struct product_kernel *kernel, const struct product *whole,
                                     const struct rows_product *columns, struct range tiles, size_t depth)
{
    size_t lines = 0;
    if (columns->fetched)
        lines = smaller(divide_up(lines_of_panel(whole->B, columns->depth), tiles.count), MOST_LINES_AT_ONCE);
    for (size_t i = 0; i < tiles.count; i++) {
        struct rows_product tile = product_of_tiles(whole, columns, tiles.first + i, 1, depth);
        fetch_at_once(&tile, i, lines);
        if (is_for_own_loops(kernel, &tile))
            kernel->own_loops->multiply(&tile);
        else
            multiply_by_blis(kernel, &tile, tile.A + whole->A.tile_stride);
    }
}

/* The last tile may have fewer rows than the others. */
static void multiply_columns(const struct product *whole, const struct rows_product *columns,
                             struct range tiles, size_t depth)
{
    void (*multiply_rows)(const struct rows_product *) = product_kernel_in_use()->own_loops->multiply;
    size_t end = tiles.first + tiles.count;
    size_t whole_tiles = smaller(end, whole->A.rows / whole->A.rows_of_tile) - tiles.first;
    if (whole_tiles > 0) {
        struct rows_product product = product_of_tiles(whole, columns, tiles.first, whole_tiles, depth);
        multiply_rows(&product);
    }
    if (whole_tiles < tiles.count) {
        struct rows_product last = product_of_tiles(whole, columns, end - 1, 1, depth);
        multiply_rows(&last);
    }
}

/* How many tiles and panels are multiplied with each other before others come. Two panels, since few rows
 * want both at once; but of long ones, of which those that come next would not stay in the L2 cache, only
 * one. All tiles; but rows of a matrix, which the hardware does not bring from the L2 cache in time, only
 * as far as they stay in the first beside a short panel, and then with more panels. */
struct together {
    size_t tiles;
    size_t panels;
};

static struct together multiplied_together(const struct product *whole, size_t tiles, size_t depth)
{
    enum { SHORT_PANEL = 1 << 12, LONG_PANEL = 1 << 14 }; /* floats */
    bool rows_of_matrix = whole->A.row_stride != 1;
    size_t panel = depth * whole->B->width;
    if (rows_of_matrix && panel <= SHORT_PANEL)
        return (struct together){4, 4};
    return (struct together){tiles, tiles > 1 && panel > LONG_PANEL ? 1 : 2};
}

static void multiply_by_own_loops(const struct product *whole, struct range tiles, struct range depths)
{
    const struct panels *B = whole->B;
    struct together together = multiplied_together(whole, tiles.count, depths.count);
    size_t most_columns = together.panels * B->width;
    for (size_t column = 0; column < B->source.lanes; column += most_columns) {
        struct rows_product columns = product_of_columns(whole, column, most_columns, depths);
        columns.fetches_C = true;
        columns.fetched = columns.wide + together.panels * columns.panel_stride;
        columns.fetch_stride = PAIR_FLOATS;
        if (tiles.count > 1) /* one alone would only fetch what it needs next */
            fetch_meanwhile(&columns, divide_up(lines_of_panel(B, depths.count), LINES_OF_PAIR), tiles.count);
        for (size_t tile = 0; tile < tiles.count; tile += together.tiles) {
            struct range some = {tiles.first + tile, smaller(tiles.count - tile, together.tiles)};
            multiply_columns(whole, &columns, some, depths.first);
            columns.fetched +=
                some.count * times_to_fetch(&columns) * columns.fetch_pairs * columns.fetch_stride;
        }
    }
}

static void multiply_mostly_by_blis(const struct product_kernel *kernel, const struct product *whole,
                                    struct range tiles, struct range depths)
{
    const struct panels *B = whole->B;
    for (size_t column = 0; column < B->source.lanes; column += B->width) {
        struct rows_product columns = product_of_columns(whole, column, B->width, depths);
        columns.fetched = columns.wide + columns.panel_stride;
        multiply_columns_by_blis(kernel, whole, &columns, tiles, depths.first);
    }
}

/* For few rows BLIS's kernel waits for the panels of B, and for many where there is much to fetch. */
static bool own_loops_are_faster(const struct product_kernel *kernel, const struct product *whole,
                                 struct range tiles, struct range depths)
{
    if (kernel->own_loops_alone || whole->A.rows <= kernel->few_rows_of_product)
        return true;
    size_t lines = lines_of_panel(whole->B, depths.count);
    return kernel->own_loops_hold_panel && lines > tiles.count * MOST_LINES_AT_ONCE;
}

static void multiply_depths(const struct product_kernel *kernel, const struct product *whole,
                            struct range depths)
{
    size_t tiles = tile_count(&whole->A);
    size_t blocks = divide_up(tiles, NARROW_BLOCK_LANES / kernel->narrow);
    for (size_t block = 0; block < blocks; block++) {
        struct range some = partition_range(tiles, blocks, block);
        if (own_loops_are_faster(kernel, whole, some, depths))
            multiply_by_own_loops(whole, some, depths);
        else
            multiply_mostly_by_blis(kernel, whole, some, depths);
    }
}

/* The columns that come next, where they lie depth by depth: a pair of lines of each depth. The last tiles
 * fetch them, for all of A, coming by, would drive them out of the L2 cache again. */
static void fetch_from_matrix(struct rows_product *columns, const struct panels *B, size_t next_column,
                              struct range depths, size_t tiles)
{
    enum { MOST_PAIRS = 8 };
    if (B->source.lane_stride != 1)
        return;
    columns->fetched = B->source.data + next_column + depths.first * B->source.depth_stride;
    columns->fetch_stride = B->source.depth_stride;
    fetch_meanwhile(columns, depths.count, tiles);
    columns->fetch_pairs = smaller(columns->fetch_pairs, MOST_PAIRS);
}

static size_t last_tiles(const struct tiles *A, size_t depth)
{
    enum { LAST_TILES_FLOATS = 1 << 15 };
    size_t tiles = LAST_TILES_FLOATS / (A->rows_of_tile * larger(1, depth));
    return smaller(tile_count(A), larger(1, tiles));
}

/* Each panel of B is packed into the room for one. */
static void multiply_lazily(const struct product_kernel *kernel, const struct product *whole,
                            struct range depths)
{
    const struct panels *B = whole->B;
    size_t tiles = tile_count(&whole->A);
    size_t last = last_tiles(&whole->A, depths.count);
    for (size_t column = 0; column < B->source.lanes; column += B->width) {
        struct rows_product columns = product_of_columns(whole, column, B->width, depths);
        pack_panel(&B->source, column, depths, B->width, NULL, B->data);
        if (!kernel->own_loops_hold_panel) {
            multiply_columns_by_blis(kernel, whole, &columns, (struct range){0, tiles}, depths.first);
            continue;
        }
        columns.fetches_C = true;
        multiply_columns(whole, &columns, (struct range){0, tiles - last}, depths.first);
        fetch_from_matrix(&columns, B, column + B->width, depths, last);
        multiply_columns(whole, &columns, (struct range){tiles - last, last}, depths.first);
    }
}

static void multiply(const struct product_kernel *kernel, const struct product *whole)
{
    size_t depth = whole->A.depth;
    if (whole->A.rows == 0)
        return;
    size_t blocks = larger(1, divide_up(depth, DEPTH_BLOCK)); /* one of no depth: C becomes zero */
    for (size_t block = 0; block < blocks; block++) {
        struct range depths = partition_range(depth, blocks, block);
        if (whole->B->lazy)
            multiply_lazily(kernel, whole, depths);
        else
            multiply_depths(kernel, whole, depths);
    }
}

void panels_multiply(float *C, size_t stride, const struct panels *A, const struct panels *B, bool accumulate)
{
    const struct product_kernel *kernel = product_kernel_in_use();
    assert(A->side == PANELS_NARROW && B->side == PANELS_WIDE && A->source.depth == B->source.depth);
    if (kernel->multiplies_packed)
        multiply(kernel, &(struct product){C, stride, tiles_of_panels(A), B, accumulate});
    else
        multiply_unpacked(C, stride, &A->source, &B->source, accumulate);
}

/* More than a few rows are multiplied faster side by side, but only many columns make up for the time that it
 * takes to put them there. */
static bool multiplies_in_place(const struct product_kernel *kernel, const struct panels_source *A,
                                const struct panels *B)
{
    enum { ROWS_IN_PLACE = 8, COLUMNS_IN_PLACE = 512 };
    bool is_worth_packing = A->lanes > ROWS_IN_PLACE && B->source.lanes > COLUMNS_IN_PLACE;
    return kernel->multiplies_packed && A->lanes <= kernel->few_rows_of_product && !is_worth_packing;
}

void panels_multiply_matrix(float *C, size_t stride, const struct panels_source *A, struct panels *packed,
                            const struct panels *B, bool accumulate)
{
    const struct product_kernel *kernel = product_kernel_in_use();
    if (multiplies_in_place(kernel, A, B)) {
        assert(B->side == PANELS_WIDE && A->depth == B->source.depth);
        multiply(kernel, &(struct product){C, stride, tiles_of_matrix(A, kernel->narrow), B, accumulate});
    } else {
        panels_pack(packed, *A);
        panels_multiply(C, stride, packed, B, accumulate);
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
