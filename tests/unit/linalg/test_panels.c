/* Products of packed matrices. Whole numbers make them exact, whatever the order of the sums: a single
 * element from the wrong place shows. */

#include "lstm_mpi/linalg/panels.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "support/blis_configuration.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static float *new_floats(size_t count)
{
    struct error error;
    float *floats;
    assert_int_equal(memory_new(&floats, count, &error), STATUS_OK);
    return floats;
}

static float whole_number(uint64_t seed, size_t index)
{
    return (float)random_below(seed, 0, index, 9) - 4;
}

static float normal(uint64_t seed, size_t index)
{
    return (float)random_normal(seed, 0, index);
}

/* An operand as it lies in memory: rows of whole cache lines, with gaps between them. */
struct operand {
    float *data;
    struct panels_source source;
};

static struct operand make_operand(size_t lanes, size_t depth, bool lanes_are_rows, uint64_t seed,
                                   float (*number)(uint64_t seed, size_t index))
{
    enum { GAP = 3 };
    size_t rows = lanes_are_rows ? lanes : depth;
    size_t elements = lanes_are_rows ? depth : lanes;
    size_t stride = divide_up(elements, MEMORY_LINE_FLOATS) * MEMORY_LINE_FLOATS + GAP;
    struct operand operand = {.data = new_floats(rows * stride)};
    for (size_t i = 0; i < rows * stride; i++)
        operand.data[i] = number(seed, i);
    operand.source = (struct panels_source){
        .data = operand.data,
        .lanes = lanes,
        .depth = depth,
        .lane_stride = lanes_are_rows ? stride : 1,
        .depth_stride = lanes_are_rows ? 1 : stride,
    };
    return operand;
}

static float element(const struct panels_source *source, size_t lane, size_t k)
{
    return source->data[lane * source->lane_stride + k * source->depth_stride];
}

static struct panels new_panels(enum panels_side side, size_t lanes, size_t depth)
{
    struct error error;
    struct panels panels;
    assert_int_equal(panels_create(&panels, side, lanes, depth, &error), STATUS_OK);
    return panels;
}

static struct panels pack(enum panels_side side, const struct operand *operand)
{
    struct panels panels = new_panels(side, operand->source.lanes, operand->source.depth);
    panels_pack(&panels, operand->source);
    return panels;
}

static struct panels pack_lazily(const struct operand *operand)
{
    struct error error;
    struct panels panels;
    assert_int_equal(panels_create_lazy(&panels, operand->source.depth, &error), STATUS_OK);
    panels_pack(&panels, operand->source);
    return panels;
}

/* What panels_multiply does, as plain as it can be said. */
static void plain_multiply(float *C, size_t stride, const struct panels_source *A,
                           const struct panels_source *B, bool accumulate)
{
    for (size_t m = 0; m < A->lanes; m++) {
        float *row = C + m * stride;
        for (size_t n = 0; n < B->lanes && !accumulate; n++)
            row[n] = 0;
        for (size_t k = 0; k < A->depth; k++) {
            float a = element(A, m, k);
            for (size_t n = 0; n < B->lanes; n++)
                row[n] += a * element(B, n, k);
        }
    }
}

struct shape {
    size_t M;
    size_t N;
    size_t K;
    bool A_by_rows;
    bool B_by_rows;
    bool accumulate;
    size_t gap; /* between the rows of C */
};

/* C lies between margins, and between its rows are gaps, that nobody may touch. */
enum { MARGIN = 64 };

static void check_all(const float *C, const float *expected, size_t count, const struct shape *shape)
{
    for (size_t i = 0; i < count; i++) {
        if (C[i] != expected[i])
            fail_msg("M %zu, N %zu, K %zu%s: C[%zd] is %g, not %g", shape->M, shape->N, shape->K,
                     shape->accumulate ? ", accumulated" : "", (ptrdiff_t)i - MARGIN, (double)C[i],
                     (double)expected[i]);
    }
}

static void check_product(const struct shape *shape)
{
    uint64_t seed = shape->M * 1000003 + shape->N * 1009 + shape->K;
    struct operand A = make_operand(shape->M, shape->K, shape->A_by_rows, seed, whole_number);
    struct operand B = make_operand(shape->N, shape->K, shape->B_by_rows, seed + 1, whole_number);
    struct panels left = pack(PANELS_NARROW, &A);
    struct panels right = pack(PANELS_WIDE, &B);
    size_t stride = shape->N + shape->gap;
    size_t room = shape->M * stride + 2 * MARGIN;
    float *C = new_floats(room);
    float *of_matrix = new_floats(room);
    float *of_lazy = new_floats(room);
    float *expected = new_floats(room);
    for (size_t i = 0; i < room; i++)
        C[i] = of_matrix[i] = of_lazy[i] = expected[i] = whole_number(seed + 2, i);
    plain_multiply(expected + MARGIN, stride, &A.source, &B.source, shape->accumulate);
    panels_multiply(C + MARGIN, stride, &left, &right, shape->accumulate);
    check_all(C, expected, room, shape);
    struct panels unpacked = new_panels(PANELS_NARROW, shape->M, shape->K);
    panels_multiply_matrix(of_matrix + MARGIN, stride, &A.source, &unpacked, &right, shape->accumulate);
    check_all(of_matrix, expected, room, shape);
    struct panels lazy = pack_lazily(&B);
    panels_multiply(of_lazy + MARGIN, stride, &left, &lazy, shape->accumulate);
    check_all(of_lazy, expected, room, shape);
    panels_free(&lazy);
    panels_free(&unpacked);
    panels_free(&left);
    panels_free(&right);
    memory_free(A.data);
    memory_free(B.data);
    memory_free(C);
    memory_free(of_matrix);
    memory_free(of_lazy);
    memory_free(expected);
}

/* Choices that no two neighbours share. */
static struct shape shape_of(size_t M, size_t N, size_t K)
{
    uint64_t bits = random_bits(M, N, K);
    return (struct shape){
        .M = M,
        .N = N,
        .K = K,
        .A_by_rows = bits & 1,
        .B_by_rows = bits & 2,
        .accumulate = bits & 4,
        .gap = (bits & 8) ? (bits >> 4) % 20 : 0,
    };
}

static void small_products_are_exact(void **state)
{
    (void)state;
    size_t step = panels_are_views() ? 4 : 1; /* BLIS starts its threads anew for every product */
    for (size_t M = 1; M <= 40; M += step) {
        for (size_t N = 1; N <= 40; N++) {
            struct shape shape = shape_of(M, N, 1 + random_below(M, N, 0, 30));
            check_product(&shape);
        }
    }
}

/* Sums over nothing: zero, or what is added to stays. */
static void products_of_no_depth_are_zero(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 7, 12, 150};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned accumulate = 0; accumulate < 2; accumulate++) {
            struct shape shape = {.M = rows[i], .N = 40, .A_by_rows = true, .accumulate = accumulate};
            check_product(&shape);
        }
    }
}

static void large_products_are_exact(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,  5,  12,  31,  32,  33,  95,  96,  97,
                                   98, 99, 100, 255, 256, 257, 258, 259, 260};
    static const size_t depths[] = {1, 2, 3, 4, 5, 63, 64, 319, 641, 1199, 1200, 1201, 2500};
    enum { SIZES = sizeof sizes / sizeof sizes[0], DEPTHS = sizeof depths / sizeof depths[0] };
    size_t step = panels_are_views() ? 4 : 1;
    for (size_t m = 0; m < SIZES; m += step) {
        for (size_t n = 0; n < SIZES; n++) {
            struct shape shape = shape_of(sizes[m], sizes[n], depths[random_below(m, n, 0, DEPTHS)]);
            check_product(&shape);
        }
        struct shape many_columns = shape_of(sizes[m], 530, 40 + m);
        check_product(&many_columns);
    }
}

/* More rows of A than few, and than are gone through at a time; deep, and not. */
static void rows_beyond_a_block_are_exact(void **state)
{
    (void)state;
    static const size_t rows[] = {127, 131, 132, 133, 138, 144, 264, 265, 400, 540};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct shape deep = shape_of(rows[i], 1 + 7 * i, 330 - 3 * i);
        struct shape shallow = shape_of(rows[i], 1 + 7 * i, 60 - 3 * i);
        check_product(&deep);
        check_product(&shallow);
    }
}

enum { WHOLE_M = 30, WHOLE_N = 100, WHOLE_K = 90 };

static void check_slices(const struct panels *left, const struct panels_source *A, const struct panels *right,
                         const struct panels_source *B)
{
    for (size_t m = 0; m < WHOLE_M; m += left->width) {
        for (size_t n = 0; n < WHOLE_N; n += right->width) {
            struct range depths = {(m + n) % 50, 40};
            struct panels_source some = *A;
            some.data += m * some.lane_stride + depths.first;
            some.lanes = WHOLE_M - m;
            some.depth = depths.count;
            struct panels_source other = *B;
            other.data += n + depths.first * other.depth_stride;
            other.lanes = WHOLE_N - n;
            other.depth = depths.count;
            struct panels A_slice = panels_slice(left, (struct range){m, WHOLE_M - m}, depths);
            struct panels B_slice = panels_slice(right, (struct range){n, WHOLE_N - n}, depths);
            float C[WHOLE_M * WHOLE_N] = {0};
            float expected[WHOLE_M * WHOLE_N] = {0};
            plain_multiply(expected, WHOLE_N, &some, &other, false);
            panels_multiply(C, WHOLE_N, &A_slice, &B_slice, false);
            assert_memory_equal(C, expected, sizeof C);
        }
    }
}

/* A slice is what packing that part alone would give. */
static void slices_multiply_as_if_packed_alone(void **state)
{
    (void)state;
    struct operand A = make_operand(WHOLE_M, WHOLE_K, true, 1, whole_number);
    struct operand B = make_operand(WHOLE_N, WHOLE_K, false, 2, whole_number);
    struct panels left = pack(PANELS_NARROW, &A);
    struct panels right = pack(PANELS_WIDE, &B);
    struct panels lazy = pack_lazily(&B);
    check_slices(&left, &A.source, &right, &B.source);
    check_slices(&left, &A.source, &lazy, &B.source);
    panels_free(&lazy);
    panels_free(&left);
    panels_free(&right);
    memory_free(A.data);
    memory_free(B.data);
}

static void a_product_becomes_the_right_operand_of_the_next(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    struct error error;
    for (size_t M = 1; M < 30; M += 5) {
        for (size_t N = 1; N < 70; N += 9) {
            enum { K = 17 };
            struct operand A = make_operand(M, K, true, 1, whole_number);
            struct operand B = make_operand(N, K, false, 2, whole_number);
            struct panels left = pack(PANELS_NARROW, &A);
            struct panels right = pack(PANELS_WIDE, &B);
            struct panels product;
            float expected[30 * 70];
            assert_int_equal(panels_create(&product, PANELS_WIDE, N, M, &error), STATUS_OK);
            panels_begin(&product, N, M);
            panels_multiply_into(&product, &left, &right);
            plain_multiply(expected, N, &A.source, &B.source, false);
            for (size_t m = 0; m < M; m++) {
                for (size_t n = 0; n < N; n++)
                    assert_true(*panels_element(&product, n, m) == expected[m * N + n]);
            }
            panels_free(&left);
            panels_free(&right);
            panels_free(&product);
            memory_free(A.data);
            memory_free(B.data);
        }
    }
}

static void depths_are_scaled_and_added(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    enum { LANES = 45, DEPTH = 7 };
    struct operand operand = make_operand(LANES, DEPTH, true, 3, whole_number);
    float factors[DEPTH] = {1, -2, 3, 0.5F, 0, 4, -1};
    for (unsigned side = 0; side < 2; side++) {
        struct panels panels = pack(side ? PANELS_WIDE : PANELS_NARROW, &operand);
        float one[LANES];
        float all[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            one[lane] = all[lane] = (float)lane;
        panels_add_depth(&panels, 3, 2, 0.5F, one);
        panels_add_weighted_depths(&panels, factors, all);
        panels_scale_depths(&panels, factors);
        for (size_t lane = 0; lane < LANES; lane++) {
            float sum = (float)lane;
            for (size_t k = 0; k < DEPTH; k++) {
                float scaled = factors[k] * element(&operand.source, lane, k);
                assert_true(*panels_element(&panels, lane, k) == scaled);
                sum += scaled;
            }
            assert_true(all[lane] == sum);
            assert_true(one[lane] == 0.5F * (float)lane + 2 * element(&operand.source, lane, 3));
        }
        panels_free(&panels);
    }
    memory_free(operand.data);
}

static void depths_are_scaled_when_they_are_packed(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    enum { LANES = 45, DEPTH = 7 };
    struct operand operand = make_operand(LANES, DEPTH, false, 3, normal);
    float factors[DEPTH] = {1, -2, 3, 0.3F, 0, 4, -1};
    for (unsigned side = 0; side < 2; side++) {
        struct panels apart = pack(side ? PANELS_WIDE : PANELS_NARROW, &operand);
        struct panels together = pack(side ? PANELS_WIDE : PANELS_NARROW, &operand);
        panels_scale_depths(&apart, factors);
        panels_pack_scaled(&together, operand.source, factors);
        for (size_t i = 0; i < apart.capacity; i++)
            assert_true(apart.data[i] == together.data[i]);
        panels_free(&apart);
        panels_free(&together);
    }
    memory_free(operand.data);
}

static void panels_are_full_and_padded_with_zeros(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    enum { LANES = 37, DEPTH = 11 };
    for (unsigned choice = 0; choice < 4; choice++) {
        struct operand operand = make_operand(LANES, DEPTH, choice & 1, choice, normal);
        enum panels_side side = (choice & 2) ? PANELS_WIDE : PANELS_NARROW;
        struct error error;
        struct panels panels;
        assert_int_equal(panels_create(&panels, side, LANES, DEPTH, &error), STATUS_OK);
        memset(panels.data, 0xff, panels.capacity * sizeof *panels.data);
        panels_pack(&panels, operand.source);
        size_t lanes = (LANES + panels.width - 1) / panels.width * panels.width;
        for (size_t k = 0; k < DEPTH; k++) {
            for (size_t lane = 0; lane < lanes; lane++) {
                float expected = lane < LANES ? element(&operand.source, lane, k) : 0;
                assert_true(*panels_element(&panels, lane, k) == expected);
            }
        }
        panels_free(&panels);
        assert_null(panels.data);
        memory_free(operand.data);
    }
}

/* Panels are made once for the largest matrix, and then hold any. */
static void panels_are_used_again_for_a_smaller_matrix(void **state)
{
    (void)state;
    struct operand large = make_operand(64, 40, true, 1, normal);
    struct operand small = make_operand(13, 7, false, 2, whole_number);
    struct operand A = make_operand(5, 7, true, 3, whole_number);
    struct panels right = pack(PANELS_WIDE, &large);
    struct panels left = pack(PANELS_NARROW, &A);
    panels_pack(&right, small.source);
    float C[5 * 13];
    float expected[5 * 13];
    panels_multiply(C, 13, &left, &right, false);
    plain_multiply(expected, 13, &A.source, &small.source, false);
    assert_memory_equal(C, expected, sizeof C);
    panels_free(&right);
    panels_free(&left);
    memory_free(large.data);
    memory_free(small.data);
    memory_free(A.data);
}

static void check_same_bits(const float *apart, const float *together, size_t N, size_t K, struct range rows)
{
    if (memcmp(apart, together + rows.first * N, rows.count * N * sizeof *apart) != 0)
        fail_msg("rows %zu to %zu give other bits alone (N %zu, K %zu)", rows.first,
                 rows.first + rows.count - 1, N, K);
}

/* A rank holds some of the rows of a batch: its numbers may not depend on which, nor on how many. Of many
 * rows not all choices are tried. */
static void check_rows_alone(size_t rows, size_t N, size_t K, bool accumulate)
{
    struct operand A = make_operand(rows, K, true, 1, normal);
    struct operand B = make_operand(N, K, false, 2, normal);
    struct panels left = pack(PANELS_NARROW, &A);
    struct panels right = pack(PANELS_WIDE, &B);
    struct panels lazy = pack_lazily(&B);
    size_t floats = rows * N;
    float *before = new_floats(floats);
    float *together = new_floats(floats);
    float *apart = new_floats(floats);
    for (size_t i = 0; i < floats; i++)
        together[i] = before[i] = normal(3, i);
    panels_multiply(together, N, &left, &right, accumulate);
    for (size_t first = 0; first < rows; first += 1 + rows / 50) {
        for (size_t count = 1; first + count <= rows; count += count < 13 ? 1 : 5 + rows / 50 * 5) {
            struct range some = {first, count};
            struct panels_source source = A.source;
            source.data += first * source.lane_stride;
            source.lanes = count;
            panels_pack(&left, source);
            memcpy(apart, before + first * N, count * N * sizeof *apart);
            panels_multiply(apart, N, &left, &right, accumulate);
            check_same_bits(apart, together, N, K, some);
            memcpy(apart, before + first * N, count * N * sizeof *apart);
            struct panels unpacked = new_panels(PANELS_NARROW, count, K);
            panels_multiply_matrix(apart, N, &source, &unpacked, &right, accumulate);
            check_same_bits(apart, together, N, K, some);
            memcpy(apart, before + first * N, count * N * sizeof *apart);
            panels_multiply(apart, N, &left, &lazy, accumulate);
            check_same_bits(apart, together, N, K, some);
            panels_free(&unpacked);
        }
    }
    panels_free(&left);
    panels_free(&right);
    panels_free(&lazy);
    memory_free(A.data);
    memory_free(B.data);
    memory_free(before);
    memory_free(together);
    memory_free(apart);
}

static void a_row_does_not_depend_on_the_rows_beside_it(void **state)
{
    (void)state;
    check_rows_alone(14, 1, 7, false);
    check_rows_alone(14, 33, 50, true);
    if (panels_are_views())
        return; /* starting threads for each of so many products takes its time */
    check_rows_alone(30, 1, 7, false);
    check_rows_alone(30, 33, 1, true);
    check_rows_alone(30, 65, 50, false);
    check_rows_alone(150, 33, 12, false);
    check_rows_alone(150, 33, 400, true);
    check_rows_alone(26, 64, 321, true);
    check_rows_alone(26, 20, 1300, false);
    check_rows_alone(14, 530, 40, true);
}

static void real_numbers_are_close(void **state)
{
    (void)state;
    enum { M = 31, N = 70, K = 700 };
    struct operand A = make_operand(M, K, true, 1, normal);
    struct operand B = make_operand(N, K, true, 2, normal);
    struct panels left = pack(PANELS_NARROW, &A);
    struct panels right = pack(PANELS_WIDE, &B);
    float C[M * N];
    panels_multiply(C, N, &left, &right, false);
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double sum = 0;
            double size = 0;
            for (size_t k = 0; k < K; k++) {
                double product = (double)element(&A.source, m, k) * (double)element(&B.source, n, k);
                sum += product;
                size += fabs(product);
            }
            assert_true(fabs((double)C[m * N + n] - sum) < 4e-7 * size);
        }
    }
    panels_free(&left);
    panels_free(&right);
    memory_free(A.data);
    memory_free(B.data);
}

/* Floats in memory that ends with a page which nobody may read. */
struct guarded {
    void *memory;
    size_t bytes;
    float *floats;
};

static struct guarded copy_before_a_guard(const float *floats, size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = divide_up(count * sizeof *floats, MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    size_t before_guard = divide_up(size, page) * page;
    struct guarded guarded = {.bytes = before_guard + page};
    guarded.memory = mmap(NULL, guarded.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(guarded.memory != MAP_FAILED);
    assert_int_equal(mprotect((char *)guarded.memory + before_guard, page, PROT_NONE), 0);
    guarded.floats = (float *)((char *)guarded.memory + before_guard - size);
    memcpy(guarded.floats, floats, count * sizeof *floats);
    return guarded;
}

static struct guarded move_before_a_guard(struct panels *panels)
{
    struct guarded guarded = copy_before_a_guard(panels->data, panels->capacity);
    memory_free(panels->data);
    panels->data = guarded.floats;
    return guarded;
}

static void unmap(const struct guarded *guarded)
{
    assert_int_equal(munmap(guarded->memory, guarded->bytes), 0);
}

static void kernels_read_nothing_beyond_the_panels(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    enum { M = 156, N = 64 };
    for (size_t K = 1; K < 24; K++) {
        struct operand A = make_operand(M, K, true, 1, whole_number);
        struct operand B = make_operand(N, K, true, 2, whole_number);
        struct panels left = pack(PANELS_NARROW, &A);
        struct panels right = pack(PANELS_WIDE, &B);
        struct guarded memory[] = {move_before_a_guard(&left), move_before_a_guard(&right)};
        float C[M * N];
        for (size_t rows = 1; rows <= M; rows++) {
            left.source.lanes = rows;
            panels_multiply(C, N, &left, &right, false);
        }
        unmap(&memory[0]);
        unmap(&memory[1]);
        memory_free(A.data);
        memory_free(B.data);
    }
}

/* A matrix, and the room for one panel of it, that end where the memory does. */
static void lazy_products_touch_nothing_beyond(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    enum { M = 156, MOST = 80, K = 5 };
    struct operand A = make_operand(M, K, true, 1, whole_number);
    struct panels left = pack(PANELS_NARROW, &A);
    static const float zeros[MOST * K];
    for (size_t N = 1; N <= MOST; N++) {
        size_t stride = divide_up(N, MEMORY_LINE_FLOATS) * MEMORY_LINE_FLOATS;
        struct guarded guarded = copy_before_a_guard(zeros, K * stride);
        struct operand B = {.source = {guarded.floats, N, K, 1, stride}};
        struct panels lazy = pack_lazily(&B);
        struct guarded room = move_before_a_guard(&lazy);
        for (size_t rows = 1; rows <= M; rows++) {
            float C[M * MOST];
            left.source.lanes = rows;
            panels_multiply(C, N, &left, &lazy, false);
        }
        unmap(&room);
        unmap(&guarded);
    }
    panels_free(&left);
    memory_free(A.data);
}

static void blocks_of_lanes_are_alike_and_end_with_panels(void **state)
{
    (void)state;
    size_t width = panels_width(PANELS_NARROW);
    enum { MOST = 144 };
    assert_int_equal(panels_block_lanes(PANELS_NARROW, 0, MOST), 0);
    for (size_t lanes = 1; lanes < 600; lanes++) {
        size_t block = panels_block_lanes(PANELS_NARROW, lanes, MOST);
        size_t blocks = (lanes + MOST - 1) / MOST;
        assert_true(block == lanes || block % width == 0);
        assert_true(block * blocks >= lanes && block < lanes / blocks + 1 + width);
    }
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
    if (panels_are_views())
        skip();
    struct error error;
    struct panels panels;
    failing_allocator_after(0);
    assert_int_equal(panels_create(&panels, PANELS_WIDE, 100, 100, &error), STATUS_FAILED);
    failing_allocator_after(-1);
    panels_free(&panels);
}

int main(int count, char **arguments)
{
    int status = blis_configuration_start(count, arguments);
    if (status != 0)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_products_are_exact),
        cmocka_unit_test(products_of_no_depth_are_zero),
        cmocka_unit_test(large_products_are_exact),
        cmocka_unit_test(rows_beyond_a_block_are_exact),
        cmocka_unit_test(slices_multiply_as_if_packed_alone),
        cmocka_unit_test(a_product_becomes_the_right_operand_of_the_next),
        cmocka_unit_test(depths_are_scaled_and_added),
        cmocka_unit_test(depths_are_scaled_when_they_are_packed),
        cmocka_unit_test(panels_are_full_and_padded_with_zeros),
        cmocka_unit_test(panels_are_used_again_for_a_smaller_matrix),
        cmocka_unit_test(a_row_does_not_depend_on_the_rows_beside_it),
        cmocka_unit_test(real_numbers_are_close),
        cmocka_unit_test(kernels_read_nothing_beyond_the_panels),
        cmocka_unit_test(lazy_products_touch_nothing_beyond),
        cmocka_unit_test(blocks_of_lanes_are_alike_and_end_with_panels),
        cmocka_unit_test(lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
