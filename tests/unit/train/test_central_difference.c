#include "central_difference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct error error;

struct curve {
    double (*value)(double x);
    double noise;
    size_t calls;
    size_t failing_call; /* 0: none */
};

static enum status value_of(void *context, double x, double *value, struct error *fault)
{
    struct curve *curve = context;
    double sign = curve->calls++ % 3 == 0 ? 1 : -1; /* neither even nor odd in the steps */
    *value = curve->value(x) + sign * curve->noise;
    if (curve->calls == curve->failing_call)
        return error_set(fault, STATUS_FAILED, "the curve");
    return STATUS_OK;
}

static struct central_difference derive(struct curve *curve, double first_step, double wanted_error)
{
    struct central_difference found;
    struct central_difference_spec spec = {value_of, curve, first_step, curve->noise, wanted_error};
    assert_int_equal(central_difference(&found, &spec, &error), STATUS_OK);
    return found;
}

static double wave(double x)
{
    return sin(3 * x + 1);
}

static double saturating(double x)
{
    return tanh(20 * x + 0.3);
}

static double torn(double x)
{
    return x < 0 ? x : 3 * x + 1;
}

static void smooth_functions_have_their_slope(void **unused)
{
    (void)unused;
    struct curve curve = {.value = wave};
    struct central_difference found = derive(&curve, 0.5, 1e-9);
    assert_true(fabs(found.value - 3 * cos(1)) < 1e-9);
    assert_true(found.error < 1e-9);
}

/* The first steps see nothing but the ends of the curve. */
static void steps_shrink_until_they_agree(void **unused)
{
    (void)unused;
    double tanh_of_start = tanh(0.3);
    double slope = 20 * (1 - tanh_of_start * tanh_of_start);
    struct curve curve = {.value = saturating};
    struct central_difference found = derive(&curve, 1, 1e-4);
    assert_true(fabs(found.value - slope) < 1e-3);
}

static void a_rough_answer_takes_few_calls(void **unused)
{
    (void)unused;
    struct curve curve = {.value = wave};
    struct central_difference found = derive(&curve, 0.25, 0.01);
    assert_true(fabs(found.value - 3 * cos(1)) < 0.01);
    assert_int_equal(curve.calls, 6);
}

static void noise_is_in_the_error(void **unused)
{
    (void)unused;
    static const double noises[] = {1e-9, 1e-6, 1e-3};
    for (size_t i = 0; i < 3; i++) {
        struct curve curve = {.value = wave, .noise = noises[i]};
        struct central_difference found = derive(&curve, 0.5, 0);
        assert_true(found.error >= noises[i]);
        assert_true(fabs(found.value - 3 * cos(1)) <= 4 * found.error);
    }
}

static void what_has_no_slope_is_not_believed(void **unused)
{
    (void)unused;
    struct curve curve = {.value = torn};
    assert_true(derive(&curve, 0.5, 0).error > 0.1);
    struct curve not_a_number = {.value = log};
    assert_true(isinf(derive(&not_a_number, 0.5, 0).error));
}

static void an_error_of_the_function_is_passed_on(void **unused)
{
    (void)unused;
    for (size_t call = 1; call <= 6; call++) {
        struct curve curve = {.value = wave, .failing_call = call};
        struct central_difference found;
        struct central_difference_spec spec = {value_of, &curve, 0.5, 0, 0};
        assert_int_equal(central_difference(&found, &spec, &error), STATUS_FAILED);
        assert_string_equal(error.what, "the curve");
        assert_int_equal(curve.calls, call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smooth_functions_have_their_slope),
        cmocka_unit_test(steps_shrink_until_they_agree),
        cmocka_unit_test(a_rough_answer_takes_few_calls),
        cmocka_unit_test(noise_is_in_the_error),
        cmocka_unit_test(what_has_no_slope_is_not_believed),
        cmocka_unit_test(an_error_of_the_function_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
