/* Losses and gradients against softmax.h's equations in double. */

#include "lstm_mpi/linalg/softmax.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "support/blis_configuration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Some rows of logits; the plain form does them in two blocks. */
struct problem {
    size_t rows;
    size_t first_rows; /* of the first block */
    size_t V;
    float scale;
    float *logits; /* [rows, V] */
    float *bias;   /* [V] */
    uint32_t *targets;
};

enum { BIAS_GRADIENT_BEFORE = 3 };

static void *allocate(size_t count, size_t size)
{
    struct error error;
    void *memory;
    assert_int_equal(memory_allocate(&memory, count, size, &error), STATUS_OK);
    return memory;
}

static struct problem make_problem(size_t rows, size_t first_rows, size_t V, double deviation)
{
    struct problem problem = {.rows = rows, .first_rows = first_rows, .V = V, .scale = 0.25F};
    problem.logits = allocate(rows * V, sizeof *problem.logits);
    problem.bias = allocate(V, sizeof *problem.bias);
    problem.targets = allocate(rows, sizeof *problem.targets);
    for (size_t i = 0; i < rows * V; i++)
        problem.logits[i] = (float)(deviation * random_normal(V, 1, i));
    for (size_t v = 0; v < V; v++)
        problem.bias[v] = (float)random_normal(V, 2, v);
    for (size_t row = 0; row < rows; row++)
        problem.targets[row] = (uint32_t)random_below(V, 3, row, V);
    problem.targets[0] = 0;
    problem.targets[rows - 1] = (uint32_t)V - 1;
    return problem;
}

static void free_problem(struct problem *problem)
{
    memory_free(problem->logits);
    memory_free(problem->bias);
    memory_free(problem->targets);
}

/* Fills gradients [rows, V]; returns the sum of the losses. */
static double plain_softmax(const struct problem *problem, double *gradients)
{
    double loss = 0;
    for (size_t row = 0; row < problem->rows; row++) {
        double *z = gradients + row * problem->V;
        double largest = -INFINITY;
        for (size_t v = 0; v < problem->V; v++) {
            z[v] = (double)(problem->logits[row * problem->V + v] + problem->bias[v]);
            largest = fmax(largest, z[v]);
        }
        double total = 0;
        for (size_t v = 0; v < problem->V; v++)
            total += exp(z[v] - largest);
        size_t target = problem->targets[row];
        loss += log(total) - (z[target] - largest);
        for (size_t v = 0; v < problem->V; v++)
            z[v] = (double)problem->scale * (exp(z[v] - largest) / total - (v == target));
    }
    return loss;
}

static void assert_gradient(double gradient, double expected)
{
    if (!(fabs(gradient - expected) < 1e-6))
        fail_msg("the gradient is %.9g, not %.9g", gradient, expected);
}

/* What every form must give. */
struct expected {
    double loss;
    double *gradients;     /* [rows, V] */
    double *bias_gradient; /* [V] */
};

static struct expected expect(const struct problem *problem)
{
    struct expected expected = {
        .gradients = allocate(problem->rows * problem->V, sizeof *expected.gradients),
        .bias_gradient = allocate(problem->V, sizeof *expected.bias_gradient),
    };
    expected.loss = plain_softmax(problem, expected.gradients);
    for (size_t v = 0; v < problem->V; v++) {
        expected.bias_gradient[v] = BIAS_GRADIENT_BEFORE;
        for (size_t row = 0; row < problem->rows; row++)
            expected.bias_gradient[v] += expected.gradients[row * problem->V + v];
    }
    return expected;
}

static void check_sums(const struct expected *expected, const struct problem *problem, double loss,
                       const float *bias_gradient)
{
    for (size_t v = 0; v < problem->V; v++)
        assert_true(fabs((double)bias_gradient[v] - expected->bias_gradient[v]) <
                    5e-6 * (1 + fabs(expected->bias_gradient[v])));
    assert_true(fabs(loss - expected->loss) <= 1e-6 * ((double)problem->rows + fabs(expected->loss)));
}

static float *new_bias_gradient(size_t V)
{
    float *bias_gradient = allocate(V, sizeof *bias_gradient);
    for (size_t v = 0; v < V; v++)
        bias_gradient[v] = BIAS_GRADIENT_BEFORE;
    return bias_gradient;
}

/* The logits lie in panels, as a product would have left them there. */
static struct panels pack_logits(const struct problem *problem)
{
    struct error error;
    struct panels logits;
    size_t V = problem->V;
    assert_int_equal(panels_create(&logits, PANELS_WIDE, V, problem->rows, &error), STATUS_OK);
    panels_pack(&logits, (struct panels_source){problem->logits, .lanes = V, .depth = problem->rows, 1, V});
    return logits;
}

/* The part of the columns that begins at the first of a panel. */
static struct range panel_columns(const struct panels *logits, size_t first)
{
    size_t left = logits->source.lanes - first;
    return (struct range){first, left < logits->width ? left : logits->width};
}

/* The left operand has what the panels have, but for the target's term, and zeros in the lanes it lacks. */
static void check_left(const struct panels *left, const struct panels *logits, struct range rows,
                       struct range columns)
{
    for (size_t lane = 0; lane < left->width; lane++) {
        for (size_t k = 0; k < columns.count; k++) {
            float expected =
                lane < rows.count ? *panels_element(logits, columns.first + k, rows.first + lane) : 0;
            float element = *panels_element(left, lane, k);
            assert_true(element == expected || (isnan(element) && isnan(expected)));
        }
    }
}

static void run_exponentials(struct softmax *softmax, struct panels *logits)
{
    struct panels left;
    struct error error;
    assert_int_equal(
        panels_create(&left, PANELS_NARROW, panels_width(PANELS_NARROW), logits->source.lanes, &error),
        STATUS_OK);
    for (size_t column = 0; column < logits->source.lanes; column += logits->width) {
        struct range columns = panel_columns(logits, column);
        for (size_t row = 0; row < logits->source.depth; row += left.width) {
            size_t count = logits->source.depth - row;
            struct range rows = {row, count < left.width ? count : left.width};
            memset(left.data, 0xff, left.capacity * sizeof *left.data);
            softmax_exponentials(softmax, rows, columns, &left);
            check_left(&left, logits, rows, columns);
        }
    }
    panels_free(&left);
}

static double run_on_panels(const struct problem *problem, struct panels *logits, float *factors)
{
    struct softmax softmax;
    struct error error;
    assert_int_equal(softmax_create(&softmax, problem->rows, &error), STATUS_OK);
    softmax_begin(&softmax, logits, problem->bias, problem->targets, problem->scale);
    for (size_t column = 0; column < problem->V; column += logits->width)
        softmax_largest(&softmax, panel_columns(logits, column));
    softmax_end_of_largest(&softmax);
    run_exponentials(&softmax, logits);
    double loss = softmax_loss_of_panels(&softmax, factors);
    softmax_free(&softmax);
    return loss;
}

static void check_panels(const struct problem *problem, const struct expected *expected)
{
    size_t V = problem->V;
    struct panels logits = pack_logits(problem);
    float *factors = allocate(problem->rows, sizeof *factors);
    float *bias_gradient = new_bias_gradient(V);
    double loss = run_on_panels(problem, &logits, factors);
    for (size_t row = 0; row < problem->rows; row++) {
        for (size_t v = 0; v < V; v++)
            assert_gradient((double)(factors[row] * *panels_element(&logits, v, row)),
                            expected->gradients[row * V + v]);
    }
    for (size_t lane = V; lane % logits.width != 0; lane++) {
        for (size_t row = 0; row < problem->rows; row++)
            assert_true(*panels_element(&logits, lane, row) == 0);
    }
    panels_add_weighted_depths(&logits, factors, bias_gradient);
    check_sums(expected, problem, loss, bias_gradient);
    panels_free(&logits);
    memory_free(factors);
    memory_free(bias_gradient);
}

/* Uses up the logits. */
static double check_plain(const struct problem *problem, const struct expected *expected)
{
    size_t V = problem->V;
    float *bias_gradient = new_bias_gradient(V);
    double loss = 0;
    for (size_t first = 0; first < problem->rows; first += problem->first_rows) {
        size_t left = problem->rows - first;
        struct softmax_block block = {
            .logits = problem->logits + first * V,
            .rows = left < problem->first_rows ? left : problem->first_rows,
            .vocabulary = V,
            .bias = problem->bias,
            .targets = problem->targets + first,
            .scale = problem->scale,
        };
        loss += softmax_loss(&block, bias_gradient);
    }
    for (size_t i = 0; i < problem->rows * V; i++)
        assert_gradient((double)problem->logits[i], expected->gradients[i]);
    check_sums(expected, problem, loss, bias_gradient);
    memory_free(bias_gradient);
    return loss;
}

/* Runs the problem in both forms and checks all that comes out of them; returns the sum of the losses. */
static double check_problem(const struct problem *problem)
{
    struct expected expected = expect(problem);
    if (!panels_are_views())
        check_panels(problem, &expected);
    double loss = check_plain(problem, &expected);
    memory_free(expected.gradients);
    memory_free(expected.bias_gradient);
    return loss;
}

static void losses_and_gradients_follow_the_equations(void **state)
{
    (void)state;
    static const size_t vocabularies[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257};
    static const size_t rows[] = {1, 2, 5, 6, 7, 11, 12, 13, 24, 37};
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            for (size_t block = 0; block < 2; block++) {
                struct problem problem =
                    make_problem(rows[j], block == 0 ? rows[j] : (rows[j] + 1) / 2, vocabularies[i], 3);
                check_problem(&problem);
                free_problem(&problem);
            }
        }
    }
}

static void one_token_is_certain(void **state)
{
    (void)state;
    struct problem problem = make_problem(3, 3, 1, 1);
    assert_true(check_problem(&problem) == 0);
    free_problem(&problem);
}

static void equal_logits_are_uniform(void **state)
{
    (void)state;
    static const float levels[] = {0, 1e4F, -1e4F, 88, -104};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        struct problem problem = make_problem(4, 4, 50, 0);
        for (size_t j = 0; j < (size_t)4 * 50; j++)
            problem.logits[j] = levels[i];
        memset(problem.bias, 0, 50 * sizeof *problem.bias);
        assert_true(fabs(check_problem(&problem) - 4 * log(50)) < 1e-5);
        free_problem(&problem);
    }
}

static void large_logits_neither_overflow_nor_lose_the_loss(void **state)
{
    (void)state;
    struct problem problem = make_problem(2, 2, 40, 1);
    memset(problem.bias, 0, 40 * sizeof *problem.bias);
    problem.logits[5] = 1e4F;
    problem.logits[9] = -1e4F;
    problem.logits[45] = 1e4F;
    problem.targets[0] = 9;
    problem.targets[1] = 5;
    assert_true(fabs(check_problem(&problem) - 2e4) < 1e-2);
    free_problem(&problem);
}

static void an_impossible_token_takes_nothing(void **state)
{
    (void)state;
    struct problem problem = make_problem(3, 3, 35, 1);
    for (size_t v = 1; v < 34; v++)
        problem.logits[v] = -INFINITY;
    assert_true(isfinite(check_problem(&problem)));
    free_problem(&problem);
}

static double loss_with(size_t V, size_t place, float logit, uint32_t target)
{
    struct problem problem = make_problem(2, 2, V, 1);
    problem.logits[place] = logit;
    problem.targets[0] = target;
    float *bias_gradient = new_bias_gradient(V);
    double loss_of_panels = 0;
    if (!panels_are_views()) {
        struct panels logits = pack_logits(&problem);
        float factors[2];
        loss_of_panels = run_on_panels(&problem, &logits, factors);
        panels_free(&logits);
    }
    struct softmax_block block = {problem.logits, 2, V, problem.bias, problem.targets, 1};
    double loss = softmax_loss(&block, bias_gradient);
    assert_true(panels_are_views() || isfinite(loss) == isfinite(loss_of_panels));
    memory_free(bias_gradient);
    free_problem(&problem);
    return loss;
}

/* Wherever it is: in a whole vector, or among the last elements of a row. */
static void a_logit_that_is_not_finite_shows_in_the_loss(void **state)
{
    (void)state;
    for (size_t V = 1; V <= 67; V += 3) {
        for (size_t place = 0; place < V; place++) {
            uint32_t other = place == 0 ? (uint32_t)V - 1 : 0;
            assert_true(isfinite(loss_with(V, place, 1, other)));
            assert_true(!isfinite(loss_with(V, place, NAN, other)));
            assert_true(!isfinite(loss_with(V, place, INFINITY, other)));
            assert_true(!isfinite(loss_with(V, place, INFINITY, (uint32_t)place)));
            assert_true(!isfinite(loss_with(V, place, -INFINITY, (uint32_t)place)));
        }
    }
}

int main(int count, char **arguments)
{
    int status = blis_configuration_start(count, arguments);
    if (status != 0)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_gradients_follow_the_equations),
        cmocka_unit_test(one_token_is_certain),
        cmocka_unit_test(equal_logits_are_uniform),
        cmocka_unit_test(large_logits_neither_overflow_nor_lose_the_loss),
        cmocka_unit_test(an_impossible_token_takes_nothing),
        cmocka_unit_test(a_logit_that_is_not_finite_shows_in_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
