/* BLIS's generic kernel at the baseline level: its panels suit our own loops, so both can be tried. */

#include "kernel_trial.h"

#include "lstm_mpi/linalg/panels.h"
#include "product_kernel.h"
#include "support/blis_configuration.h"
#include "support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { M = 200, N = 70, K = 90 };

static void fill(float *floats, size_t count)
{
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)(i * 2654435761U % 1000) / 999 - 0.5F;
}

static void multiply(float *C)
{
    static float a[M * K];
    static float b[K * N];
    struct panels A;
    struct panels B;
    struct error error;
    fill(a, M * K);
    fill(b, K * N);
    assert_int_equal(panels_create(&A, PANELS_NARROW, M, K, &error), STATUS_OK);
    assert_int_equal(panels_create(&B, PANELS_WIDE, N, K, &error), STATUS_OK);
    panels_pack(&A, (struct panels_source){a, M, K, K, 1});
    panels_pack(&B, (struct panels_source){b, N, K, 1, N});
    panels_multiply(C, N, &A, &B, false);
    panels_free(&A);
    panels_free(&B);
}

static void own_loops_give_the_bits_of_blis(void **state)
{
    (void)state;
    static float of_blis[M * N];
    static float of_own_loops[M * N];
    product_kernel_choose(true, 1);
    multiply(of_blis);
    product_kernel_set_own_loops_alone(true);
    multiply(of_own_loops);
    assert_memory_equal(of_blis, of_own_loops, sizeof of_blis);
}

static void a_trial_leaves_the_panels_as_they_are(void **state)
{
    (void)state;
    product_kernel_choose(false, 1);
    assert_false(product_kernel_in_use()->wants_trial);
    product_kernel_choose(true, 1);
    struct product_kernel blis = *product_kernel_in_use();
    assert_true(blis.wants_trial);
    assert_false(blis.own_loops_alone);
    assert_true(blis.own_loops_hold_panel);
    struct error error;
    assert_int_equal(kernel_trial_choose_the_faster(&error), STATUS_OK);
    assert_int_equal(product_kernel_in_use()->narrow, blis.narrow);
    assert_int_equal(product_kernel_in_use()->wide, blis.wide);
    assert_true(product_kernel_in_use()->own_loops_hold_panel);
}

static void lack_of_memory_for_the_trial_is_an_error(void **state)
{
    (void)state;
    product_kernel_choose(true, 1);
    long allocations = 0;
    enum status status;
    do {
        struct error error;
        failing_allocator_after(allocations++);
        status = kernel_trial_choose_the_faster(&error);
        failing_allocator_after(-1);
    } while (status != STATUS_OK);
    assert_true(allocations > 3);
}

int main(void)
{
    char generic[] = "generic";
    char *arguments[] = {NULL, generic};
    setenv("LSTM_MPI_VECTOR_LEVEL", "baseline", 1);
    int status = blis_configuration_start(2, arguments);
    if (status != 0)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_loops_give_the_bits_of_blis),
        cmocka_unit_test(a_trial_leaves_the_panels_as_they_are),
        cmocka_unit_test(lack_of_memory_for_the_trial_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
