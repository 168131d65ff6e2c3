#include "lstm_mpi/optim/optimizer.h"

#include "lstm_mpi/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 131 };

/* With room behind the piece that is updated, to see that it stays. */
struct vectors {
    float before[MOST + 1];
    float weights[MOST + 1];
    float gradients[MOST + 1];
};

static struct vectors make_vectors(void)
{
    struct vectors vectors;
    for (size_t i = 0; i <= MOST; i++) {
        vectors.before[i] = (float)random_normal(1, 1, i);
        vectors.gradients[i] = (float)random_normal(1, 2, i);
    }
    memcpy(vectors.weights, vectors.before, sizeof vectors.weights);
    return vectors;
}

static const struct optimizer_ops *find(const char *name)
{
    for (size_t i = 0; i < optimizer_count; i++) {
        if (strcmp(optimizers[i]->name, name) == 0)
            return optimizers[i];
    }
    fail_msg("there is no optimizer %s", name);
    return NULL;
}

static void names_are_there_and_differ(void **unused)
{
    (void)unused;
    assert_true(optimizer_count > 0);
    assert_string_equal(optimizers[0]->name, "sgd");
    for (size_t i = 0; i < optimizer_count; i++) {
        assert_non_null(optimizers[i]->update);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(optimizers[i]->name, optimizers[j]->name);
    }
}

static void sgd_goes_down_the_gradient(void **unused)
{
    (void)unused;
    static const size_t counts[] = {0, 1, 3, 16, 17, 64, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct vectors v = make_vectors();
        find("sgd")->update(v.weights, v.gradients, counts[c], 0.25, 0.5);
        for (size_t i = 0; i < counts[c]; i++) {
            double expected = (double)v.before[i] - 0.5 * 0.25 * (double)v.gradients[i];
            assert_true(fabs((double)v.weights[i] - expected) <= 1e-7 * (1 + fabs(expected)));
        }
        for (size_t i = counts[c]; i <= MOST; i++)
            assert_true(v.weights[i] == v.before[i]);
    }
}

static void every_optimizer_keeps_weights_at_rate_zero(void **unused)
{
    (void)unused;
    for (size_t o = 0; o < optimizer_count; o++) {
        struct vectors v = make_vectors();
        optimizers[o]->update(v.weights, v.gradients, MOST, 1, 0);
        assert_memory_equal(v.weights, v.before, sizeof v.weights);
    }
}

/* The flat buffer may be cut anywhere: the pieces give the bits of the whole. */
static void every_optimizer_works_piece_by_piece(void **unused)
{
    (void)unused;
    for (size_t o = 0; o < optimizer_count; o++) {
        for (size_t cut = 0; cut <= MOST; cut++) {
            struct vectors whole = make_vectors();
            struct vectors pieces = make_vectors();
            optimizers[o]->update(whole.weights, whole.gradients, MOST, 0.3, 0.7);
            optimizers[o]->update(pieces.weights, pieces.gradients, cut, 0.3, 0.7);
            optimizers[o]->update(pieces.weights + cut, pieces.gradients + cut, MOST - cut, 0.3, 0.7);
            assert_memory_equal(pieces.weights, whole.weights, sizeof whole.weights);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_there_and_differ),
        cmocka_unit_test(sgd_goes_down_the_gradient),
        cmocka_unit_test(every_optimizer_keeps_weights_at_rate_zero),
        cmocka_unit_test(every_optimizer_works_piece_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
