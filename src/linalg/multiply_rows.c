/* Products of tiles of few rows, compiled once for each vector level. rows_reference.c has the plain form.
 *
 * A strip is as many rows and vectors of columns as have their sums in registers. Its loop is short of
 * instructions, not of arithmetic: a core begins some six a cycle, half of them where it is shared with
 * another thread, and two multiplications of a cycle want at least three of those. So depths are taken
 * several at a time, addresses are part of the loads as far as strides are known, and nothing is copied. */

#include "rows_product.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "strip_shape.h"

#include <assert.h>

/* With what the sanitizers add to them, loops that are unrolled, and a function for each shape, take minutes
 * to compile. */
#ifdef __SANITIZE_ADDRESS__
#define UNROLL(count)
#else
#define PRAGMA(text) _Pragma(#text)
#define UNROLL(count) PRAGMA(GCC unroll count)
#endif

enum { DEPTHS_AT_ONCE = 4 };
static_assert(FETCH_DEPTHS % DEPTHS_AT_ONCE == 0, "blocks of whole steps");

/* How the operands lie: packed in panels as wide as a strip, or A as a matrix. */
enum layout { PACKED, A_IS_MATRIX, ANY_LAYOUT, LAYOUTS };

struct strides {
    size_t row;
    size_t rows_of_pointer;
    size_t pointer;
    size_t depth;
    size_t wide_width;
};

enum { STRIP_ROWS = TILES_OF_ONE_VECTOR * REGISTER_ROWS };
typedef floats strip_sums[STRIP_ROWS][MOST_VECTORS];

/* Rows of a matrix that one pointer reaches: an address may have its stride once and twice. */
enum { ROWS_OF_POINTER = 3 };

/* Where a strip stands: at a depth of the rows, and of the columns of one panel or two. What is fetched may
 * lie beyond the memory: then nothing is. */
struct strip {
    const float *rows[(STRIP_ROWS + ROWS_OF_POINTER - 1) / ROWS_OF_POINTER];
    const float *panels[MOST_VECTORS / PANEL_VECTORS];
    const float *fetched[MOST_VECTORS / PANEL_VECTORS];
};

/* sum + x·y. Left to itself the compiler may let the sum take the place of x and copy it back. */
static inline __attribute__((always_inline)) floats multiply_add(floats sum, floats x, floats y)
{
#if defined(__x86_64__) && defined(__FP_FAST_FMAF)
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
    return sum;
#else
    return sum + x * y;
#endif
}

static inline __attribute__((always_inline)) floats all_of(float x)
{
    return x - (floats){0};
}

/* sum + x·y for one x, which AVX-512 takes from memory as part of the instruction. */
static inline __attribute__((always_inline)) floats multiply_add_one(floats sum, const float *x, floats y)
{
#if defined(__AVX512F__)
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
    return sum;
#else
    return multiply_add(sum, all_of(*x), y);
#endif
}

/* Is a row's number loaded once for all vectors, or with each multiplication? That takes an instruction less
 * for each row, but loads, of which a core has two a cycle, for each vector: of two vectors, half of the rows
 * leave some of them over. */
static inline __attribute__((always_inline)) bool loads_once(size_t row, size_t vectors)
{
    return !TAKES_ONE_FROM_MEMORY || vectors > PANEL_VECTORS || (vectors == PANEL_VECTORS && row % 2 == 0);
}

static inline __attribute__((always_inline)) const float *
column_of_panel(const struct rows_product *product, const struct strides *strides, size_t column)
{
    return product->wide + column / strides->wide_width * product->panel_stride +
           column % strides->wide_width;
}

static inline __attribute__((always_inline)) void begin_fetching(const struct rows_product *product,
                                                                 const struct strides *strides, size_t first,
                                                                 size_t vectors, struct strip *strip)
{
    for (size_t i = 0; i * PANEL_VECTORS < vectors; i++) {
        const float *panel = column_of_panel(product, strides, first + i * PANEL_COLUMNS);
        strip->fetched[i] = product->fetched + (panel - product->wide);
    }
}

static inline __attribute__((always_inline)) void begin_tile(const struct rows_product *product,
                                                             const struct strides *strides, size_t tile,
                                                             size_t first, size_t rows, size_t vectors,
                                                             struct strip *strip)
{
    for (size_t i = 0; i * strides->rows_of_pointer < rows; i++)
        strip->rows[i] = product->A + tile * product->tile_stride + i * strides->pointer;
    for (size_t i = 0; i * PANEL_VECTORS < vectors; i++)
        strip->panels[i] = column_of_panel(product, strides, first + i * PANEL_COLUMNS);
}

/* `depths`, `rows` and `vectors` are constants where this is called, and those strides that the layout
 * knows. */
static inline __attribute__((always_inline)) void add_some_depths(const struct strides *strides,
                                                                  size_t depths, size_t rows, size_t vectors,
                                                                  struct strip *strip, strip_sums sums)
{
    size_t rows_of_pointer = strides->rows_of_pointer;
    UNROLL(4)
    for (size_t k = 0; k < depths; k++) {
        floats wide[MOST_VECTORS];
        UNROLL(6)
        for (size_t i = 0; i < vectors; i++)
            wide[i] = *(const floats *)(strip->panels[i / PANEL_VECTORS] + k * strides->wide_width +
                                        i % PANEL_VECTORS * VECTOR_FLOATS);
        UNROLL(12)
        for (size_t row = 0; row < rows; row++) {
            const float *A = strip->rows[row / rows_of_pointer] + row % rows_of_pointer * strides->row;
            const float *element = A + k * strides->depth;
            floats of_row_k = loads_once(row, vectors) ? all_of(*element) : (floats){0};
            UNROLL(6)
            for (size_t i = 0; i < vectors; i++)
                sums[row][i] = loads_once(row, vectors) ? multiply_add(sums[row][i], of_row_k, wide[i])
                                                        : multiply_add_one(sums[row][i], element, wide[i]);
        }
    }
    UNROLL(4)
    for (size_t i = 0; i * rows_of_pointer < rows; i++)
        strip->rows[i] += depths * strides->depth;
    UNROLL(2)
    for (size_t i = 0; i * PANEL_VECTORS < vectors; i++)
        strip->panels[i] += depths * strides->wide_width;
}

static inline __attribute__((always_inline)) void add_depths(const struct strides *strides, size_t depth,
                                                             size_t at_once, size_t rows, size_t vectors,
                                                             struct strip *strip, strip_sums sums)
{
    UNROLL(1)
    for (size_t step = 0; step < depth / at_once; step++)
        add_some_depths(strides, at_once, rows, vectors, strip, sums);
}

/* Columns of a row of C, which may begin anywhere in a cache line. */
static inline __attribute__((always_inline)) void fetch_row(const float *C, size_t columns)
{
    UNROLL(6)
    for (size_t i = 0; i < columns; i += MEMORY_LINE_FLOATS)
        __builtin_prefetch(C + i, 1);
    __builtin_prefetch(C + columns - 1, 1);
}

static inline __attribute__((always_inline)) void fetch_pairs(const struct rows_product *product,
                                                              size_t vectors, struct strip *strip)
{
    for (size_t pair = 0; pair < product->fetch_pairs; pair++) {
        UNROLL(2)
        for (size_t i = 0; i * PANEL_VECTORS < vectors; i++) {
            __builtin_prefetch(strip->fetched[i], 0, 2);
            __builtin_prefetch(strip->fetched[i] + MEMORY_LINE_FLOATS, 0, 2);
            strip->fetched[i] += product->fetch_stride;
        }
    }
}

static inline __attribute__((always_inline)) void
store_whole_strip(float *C, size_t stride, bool accumulate, size_t rows, size_t vectors, strip_sums sums)
{
    if (accumulate) {
        UNROLL(12)
        for (size_t row = 0; row < rows; row++) {
            UNROLL(6)
            for (size_t i = 0; i < vectors; i++)
                sums[row][i] += *(const floats *)(C + row * stride + i * VECTOR_FLOATS);
        }
    }
    UNROLL(12)
    for (size_t row = 0; row < rows; row++) {
        UNROLL(6)
        for (size_t i = 0; i < vectors; i++)
            *(floats *)(C + row * stride + i * VECTOR_FLOATS) = sums[row][i];
    }
}

static __attribute__((noinline)) void store_some_columns(const struct rows_product *product, float *C,
                                                         size_t columns, strip_sums sums)
{
    for (size_t row = 0; row < product->rows; row++) {
        const float *some = (const float *)sums[row];
        float *C_row = C + row * product->stride;
        for (size_t i = 0; i < columns; i++)
            C_row[i] = product->accumulate ? C_row[i] + some[i] : some[i];
    }
}

static inline __attribute__((always_inline)) void store_strip(const struct rows_product *product, float *C,
                                                              size_t columns, size_t rows, size_t vectors,
                                                              strip_sums sums)
{
    if (columns >= vectors * VECTOR_FLOATS) {
        store_whole_strip(C, product->stride, product->accumulate, rows, vectors, sums);
    } else {
        strip_sums copied; /* so that the sums themselves need no place in memory */
        UNROLL(12)
        for (size_t row = 0; row < rows; row++) {
            UNROLL(6)
            for (size_t i = 0; i < vectors; i++)
                copied[row][i] = sums[row][i];
        }
        store_some_columns(product, C, columns, copied);
    }
}

static inline __attribute__((always_inline)) struct strides strides_of(const struct rows_product *product,
                                                                       enum layout layout)
{
    struct strides strides = {
        .row = product->row_stride,
        .rows_of_pointer = ROWS_OF_POINTER,
        .pointer = ROWS_OF_POINTER * product->row_stride,
        .depth = product->depth_stride,
        .wide_width = product->wide_width,
    };
    if (layout == PACKED) { /* a pointer for each tile */
        strides.row = 1;
        strides.rows_of_pointer = REGISTER_ROWS;
        strides.pointer = product->tile_stride / TILES_OF_ONE_VECTOR;
        strides.depth = REGISTER_ROWS;
    }
    if (layout == A_IS_MATRIX)
        strides.depth = 1;
    if (layout != ANY_LAYOUT)
        strides.wide_width = PANEL_COLUMNS;
    return strides;
}

static enum layout layout_of(const struct rows_product *product)
{
    bool A_is_packed = product->row_stride == 1 && product->depth_stride == REGISTER_ROWS;
    bool B_is_packed = product->wide_width == PANEL_COLUMNS;
    if (!B_is_packed)
        return ANY_LAYOUT;
    if (A_is_packed)
        return PACKED;
    return product->depth_stride == 1 ? A_IS_MATRIX : ANY_LAYOUT;
}

static inline __attribute__((always_inline)) void multiply_strip(const struct rows_product *product,
                                                                 size_t first, enum layout layout,
                                                                 size_t rows, size_t vectors)
{
    struct strides strides = strides_of(product, layout);
    struct strip strip = {0};
    size_t at_once = layout == ANY_LAYOUT ? 1 : DEPTHS_AT_ONCE;
    size_t columns = product->columns - first;
    float *C = product->C + first;
    if (product->fetch_pairs > 0)
        begin_fetching(product, &strides, first, vectors, &strip);
    for (size_t tile = 0; tile < product->tiles; tile++) {
        strip_sums sums = {{{0}}};
        begin_tile(product, &strides, tile, first, rows, vectors, &strip);
        for (size_t block = 0; block < product->depth / FETCH_DEPTHS; block++) {
            fetch_pairs(product, vectors, &strip);
            if (product->fetches_C && block < rows)
                fetch_row(C + block * product->stride, vectors * VECTOR_FLOATS);
            add_depths(&strides, FETCH_DEPTHS, at_once, rows, vectors, &strip, sums);
        }
        add_depths(&strides, product->depth % FETCH_DEPTHS, 1, rows, vectors, &strip, sums);
        store_strip(product, C, columns, rows, vectors, sums);
        C += rows * product->stride;
    }
}

#ifdef __SANITIZE_ADDRESS__
static __attribute__((noinline)) void run_strip(const struct rows_product *product, size_t first,
                                                enum layout layout, size_t vectors)
{
    multiply_strip(product, first, layout, product->rows, vectors);
}
#else
/* A function for each: together the compiler would keep few of their sums in registers. */
typedef void strip_function(const struct rows_product *product, size_t first);

#define EACH_LAYOUT(X, rows, vectors) \
    X(PACKED, rows, vectors)          \
    X(A_IS_MATRIX, rows, vectors)     \
    X(ANY_LAYOUT, rows, vectors)

#define DEFINE(layout, rows, vectors)                                                                     \
    static __attribute__((noinline)) void layout##_##rows##_##vectors(const struct rows_product *product, \
                                                                      size_t first)                       \
    {                                                                                                     \
        multiply_strip(product, first, layout, rows, vectors);                                            \
    }
EACH_STRIP(DEFINE)

#define LIST(layout, rows, vectors) [rows][layout][vectors] = layout##_##rows##_##vectors,
static strip_function *const strips[STRIP_ROWS + 1][LAYOUTS][MOST_VECTORS + 1] = {EACH_STRIP(LIST)};

static void run_strip(const struct rows_product *product, size_t first, enum layout layout, size_t vectors)
{
    assert(strips[product->rows][layout][vectors]);
    strips[product->rows][layout][vectors](product, first);
}
#endif

/* The sums of a tile that is one vector wide may be too few to hide how long an addition takes. Those of two
 * tiles are not. */
static void multiply_one_vector(const struct rows_product *product, size_t first, enum layout layout)
{
    struct rows_product some = *product;
    if (TILES_OF_ONE_VECTOR > 1 && product->rows == REGISTER_ROWS && layout != ANY_LAYOUT) {
        some.tiles /= TILES_OF_ONE_VECTOR;
        some.tile_stride *= TILES_OF_ONE_VECTOR;
        some.rows *= TILES_OF_ONE_VECTOR;
        run_strip(&some, first, layout, 1);
        size_t done = some.tiles * TILES_OF_ONE_VECTOR;
        some = *product;
        some.tiles -= done;
        some.A += done * product->tile_stride;
        some.C += done * product->rows * product->stride;
    }
    run_strip(&some, first, layout, 1);
}

static void multiply_register_rows(const struct rows_product *product)
{
    enum layout layout = layout_of(product);
    size_t first = 0;
    if (product->rows <= TWO_PANEL_ROWS) {
        for (; first + PANEL_COLUMNS < product->columns; first += 2 * PANEL_COLUMNS)
            run_strip(product, first, layout, MOST_VECTORS);
    }
    for (; first < product->columns; first += PANEL_COLUMNS) {
        size_t vectors = smaller(divide_up(product->columns - first, VECTOR_FLOATS), PANEL_VECTORS);
        if (vectors <= 1)
            multiply_one_vector(product, first, layout);
        else
            run_strip(product, first, layout, vectors);
    }
}

static void multiply_rows(const struct rows_product *product)
{
    if (product->rows <= REGISTER_ROWS) {
        multiply_register_rows(product);
        return;
    }
    struct rows_product some = *product;
    some.tiles = 1;
    for (size_t tile = 0; tile < product->tiles; tile++) {
        for (size_t row = 0; row < product->rows; row += REGISTER_ROWS) {
            some.A = product->A + tile * product->tile_stride + row * product->row_stride;
            some.C = product->C + (tile * product->rows + row) * product->stride;
            some.rows = smaller(product->rows - row, REGISTER_ROWS);
            multiply_register_rows(&some);
        }
    }
}

const struct rows_kernel LSTM_MPI_LEVEL_NAME(rows_kernel) = {
    .multiply = multiply_rows,
    .strip_columns = PANEL_COLUMNS,
    .register_rows = REGISTER_ROWS,
    .fetch_depths = FETCH_DEPTHS,
    .fuses = FUSES,
    .outruns_blis = OUTRUNS_BLIS,
};
