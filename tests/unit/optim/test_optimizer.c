/* Every optimizer, with each of its settings, at every vector level, against its equations in double. */

#include "lstm_mpi/optim/optimizer.h"

#include "lstm_mpi/base/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 131, UPDATES = 50 };

static const struct optimizer kinds[] = {
    {&optimizers[0], 0, 0},   {&optimizers[0], 0, 0.01}, {&optimizers[0], 0.9, 0},
    {&optimizers[0], 0.5, 2}, {&optimizers[1], 0, 0},    {&optimizers[1], 0, 0.01},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* With room behind the piece that is updated, to see that it stays. */
struct vectors {
    float weights[MOST + 1];
    float gradients[MOST + 1];
    float states[OPTIMIZER_MAX_STATES][MOST + 1];
};

static struct vectors make_vectors(void)
{
    struct vectors vectors = {0};
    for (size_t i = 0; i <= MOST; i++)
        vectors.weights[i] = (float)random_normal(1, 1, i);
    return vectors;
}

static void draw_gradients(struct vectors *vectors, uint64_t number)
{
    for (size_t i = 0; i <= MOST; i++)
        vectors->gradients[i] = (float)random_normal(2, number, i);
}

static struct optimizer_piece piece_of(struct vectors *vectors, size_t first, size_t count)
{
    struct optimizer_piece piece = {count, vectors->weights + first, vectors->gradients + first, {NULL}};
    for (size_t i = 0; i < OPTIMIZER_MAX_STATES; i++)
        piece.states[i] = vectors->states[i] + first;
    return piece;
}

static void optimizers_are_found_by_name(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < optimizer_count; i++) {
        assert_ptr_equal(optimizer_find(optimizers[i].name), &optimizers[i]);
        assert_string_equal(optimizer_names[i], optimizers[i].name);
    }
    assert_null(optimizer_names[optimizer_count]);
    assert_string_equal(optimizers[0].name, "sgd");
    assert_null(optimizer_find("SGD"));
    assert_null(optimizer_find(""));
}

static void states_are_those_of_the_settings(void **unused)
{
    (void)unused;
    static const size_t counts[KIND_COUNT] = {0, 0, 1, 1, 2, 2};
    static const bool moves_all[KIND_COUNT] = {false, true, true, true, true, true};
    for (size_t k = 0; k < KIND_COUNT; k++) {
        assert_int_equal(optimizer_state_count(&kinds[k]), counts[k]);
        assert_int_equal(optimizer_moves_all(&kinds[k]), moves_all[k]);
    }
}

/* One weight in double. */
struct number {
    double weight;
    double states[OPTIMIZER_MAX_STATES];
};

static void expect_sgd(struct number *x, const struct optimizer *optimizer, double gradient, double rate)
{
    gradient += optimizer->weight_decay * x->weight;
    if (optimizer->momentum != 0) {
        x->states[0] = optimizer->momentum * x->states[0] + gradient;
        gradient = x->states[0];
    }
    x->weight -= rate * gradient;
}

static void expect_adam(struct number *x, const struct optimizer *optimizer, double gradient, double rate,
                        double t)
{
    gradient += optimizer->weight_decay * x->weight;
    x->states[0] = 0.9 * x->states[0] + 0.1 * gradient;
    x->states[1] = 0.999 * x->states[1] + 0.001 * gradient * gradient;
    double mean = x->states[0] / (1 - pow(0.9, t));
    double square = x->states[1] / (1 - pow(0.999, t));
    x->weight -= rate * mean / (sqrt(square) + 1e-8);
}

static bool near(float value, double expected)
{
    return fabs((double)value - expected) <= 5e-6 * (1 + fabs(expected));
}

/* Fifty updates; the rates and clips differ from one to the next, and some updates have no gradient. */
static void check_equations(const struct optimizer *optimizer, size_t count)
{
    struct vectors v = make_vectors();
    struct vectors before = v;
    struct number expected[MOST] = {0};
    for (size_t i = 0; i < count; i++)
        expected[i].weight = (double)v.weights[i];
    for (uint64_t t = 1; t <= UPDATES; t++) {
        struct optimizer_step step = {0.01 / (double)t, t % 2 ? 1 : 0.25, t};
        struct optimizer_piece piece = piece_of(&v, 0, count);
        draw_gradients(&v, t);
        if (t % 5 == 0)
            piece.gradients = NULL;
        optimizer_update(optimizer, &step, &piece);
        for (size_t i = 0; i < count; i++) {
            double gradient = piece.gradients ? step.factor * (double)v.gradients[i] : 0;
            if (optimizer->ops == &optimizers[0])
                expect_sgd(&expected[i], optimizer, gradient, step.rate);
            else
                expect_adam(&expected[i], optimizer, gradient, step.rate, (double)t);
            assert_true(near(v.weights[i], expected[i].weight));
            for (size_t s = 0; s < optimizer_state_count(optimizer); s++)
                assert_true(near(v.states[s][i], expected[i].states[s]));
        }
    }
    for (size_t i = count; i <= MOST; i++) {
        assert_true(v.weights[i] == before.weights[i]);
        assert_true(v.states[0][i] == 0 && v.states[1][i] == 0);
    }
}

static void updates_follow_the_equations(void **unused)
{
    (void)unused;
    static const size_t counts[] = {0, 1, 3, 16, 17, 64, MOST};
    for (size_t k = 0; k < KIND_COUNT; k++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            check_equations(&kinds[k], counts[c]);
    }
}

static void weights_stay_at_rate_zero(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        struct vectors v = make_vectors();
        struct vectors before = v;
        struct optimizer_piece piece = piece_of(&v, 0, MOST);
        draw_gradients(&v, 1);
        optimizer_update(&kinds[k], &(struct optimizer_step){0, 1, 1}, &piece);
        assert_memory_equal(v.weights, before.weights, sizeof v.weights);
    }
}

/* The flat buffer may be cut anywhere: the pieces give the bits of the whole. */
static void the_whole_is_its_pieces(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        for (size_t cut = 0; cut <= MOST; cut++) {
            struct vectors whole = make_vectors();
            struct vectors cut_up = make_vectors();
            for (uint64_t t = 1; t <= 3; t++) {
                struct optimizer_step step = {0.7, 0.3, t};
                draw_gradients(&whole, t);
                draw_gradients(&cut_up, t);
                struct optimizer_piece pieces[] = {piece_of(&whole, 0, MOST), piece_of(&cut_up, 0, cut),
                                                   piece_of(&cut_up, cut, MOST - cut)};
                for (size_t p = 0; p < 3; p++)
                    optimizer_update(&kinds[k], &step, &pieces[p]);
            }
            assert_memory_equal(&cut_up, &whole, sizeof whole);
        }
    }
}

/* No gradient is a gradient of zero, to the bit. */
static void no_gradient_is_zero(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        struct vectors zeros = make_vectors();
        struct vectors none = make_vectors();
        for (uint64_t t = 1; t <= 4; t++) {
            struct optimizer_step step = {0.1, 0.3, t};
            struct optimizer_piece with = piece_of(&zeros, 0, MOST);
            struct optimizer_piece without = piece_of(&none, 0, MOST);
            draw_gradients(&zeros, t);
            draw_gradients(&none, t);
            if (t > 1) {
                memset(zeros.gradients, 0, sizeof zeros.gradients);
                without.gradients = NULL;
            }
            optimizer_update(&kinds[k], &step, &with);
            optimizer_update(&kinds[k], &step, &without);
            assert_memory_equal(none.weights, zeros.weights, sizeof none.weights);
            assert_memory_equal(none.states, zeros.states, sizeof none.states);
        }
    }
}

/* Long without a gradient, no number lingers where float32 is slow. */
static void what_fades_comes_to_rest(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        struct vectors v = make_vectors();
        draw_gradients(&v, 1);
        for (uint64_t t = 1; t <= 80000; t++) {
            struct optimizer_step step = {0.01, 1, t};
            struct optimizer_piece piece = piece_of(&v, 0, 17);
            if (t > 1)
                piece.gradients = NULL;
            optimizer_update(&kinds[k], &step, &piece);
        }
        for (size_t i = 0; i < 17; i++) {
            assert_true(v.weights[i] == 0 || fabsf(v.weights[i]) > FLT_MIN);
            for (size_t s = 0; s < OPTIMIZER_MAX_STATES; s++)
                assert_true(v.states[s][i] == 0 || fabsf(v.states[s][i]) > FLT_MIN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimizers_are_found_by_name), cmocka_unit_test(states_are_those_of_the_settings),
        cmocka_unit_test(updates_follow_the_equations), cmocka_unit_test(weights_stay_at_rate_zero),
        cmocka_unit_test(the_whole_is_its_pieces),      cmocka_unit_test(no_gradient_is_zero),
        cmocka_unit_test(what_fades_comes_to_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
