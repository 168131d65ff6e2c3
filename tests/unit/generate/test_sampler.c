#include "lstm_mpi/generate/sampler.h"

#include "lstm_mpi/base/random.h"
#include "support/failing_allocator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 20000, MOST_TOKENS = 64, MANY_TOKENS = 3000 };

static struct error error;

static struct sampler *create(double temperature, size_t top_k, uint64_t seed, size_t vocabulary)
{
    struct sampler *sampler;
    struct sampler_spec spec = {temperature, top_k, 1, seed};
    assert_int_equal(sampler_create(&sampler, &spec, vocabulary, &error), STATUS_OK);
    return sampler;
}

static uint32_t choose_once(double temperature, size_t top_k, const float *logits, size_t vocabulary)
{
    struct sampler *sampler = create(temperature, top_k, 1, vocabulary);
    uint32_t token = sampler_choose(sampler, logits, 0, 0);
    sampler_destroy(sampler);
    return token;
}

static void greedy_takes_the_largest(void **unused)
{
    (void)unused;
    static const float rising[] = {-3, -2, -1};
    static const float falling[] = {3, 2, 1};
    static const float middle[] = {-1e30F, 1e30F, 0};
    static const float one[] = {-7};
    assert_int_equal(choose_once(0, 0, rising, 3), 2);
    assert_int_equal(choose_once(0, 0, falling, 3), 0);
    assert_int_equal(choose_once(0, 0, middle, 3), 1);
    assert_int_equal(choose_once(0, 0, one, 1), 0);
}

static void greedy_takes_the_lowest_index_on_a_tie(void **unused)
{
    (void)unused;
    static const float all[] = {0, 0, 0, 0};
    static const float behind[] = {1, 5, 2, 5, 5};
    static const float zeros[] = {-1, -0.0F, 0.0F};
    assert_int_equal(choose_once(0, 0, all, 4), 0);
    assert_int_equal(choose_once(0, 0, behind, 5), 1);
    assert_int_equal(choose_once(0, 0, zeros, 3), 1);
}

/* The k largest, and among equals the lower ones: with k = 1 that is the greedy choice. */
static void top_1_is_greedy_at_any_temperature(void **unused)
{
    (void)unused;
    static const float logits[] = {1, 5, 2, 5, 4.999F};
    struct sampler *sampler = create(10, 1, 3, 5);
    for (uint64_t position = 0; position < 100; position++)
        assert_int_equal(sampler_choose(sampler, logits, 0, position), 1);
    sampler_destroy(sampler);
}

static void count_draws_as(size_t counts[MOST_TOKENS], const struct sampler_spec *spec, const float *logits,
                           size_t vocabulary)
{
    struct sampler *sampler;
    assert_int_equal(sampler_create(&sampler, spec, vocabulary, &error), STATUS_OK);
    for (size_t i = 0; i < vocabulary; i++)
        counts[i] = 0;
    for (uint64_t position = 0; position < DRAWS; position++) {
        uint32_t token = sampler_choose(sampler, logits, 7, position);
        assert_true(token < vocabulary);
        counts[token]++;
    }
    sampler_destroy(sampler);
}

static void count_draws(size_t counts[MOST_TOKENS], double temperature, size_t top_k, uint64_t seed,
                        const float *logits, size_t vocabulary)
{
    struct sampler_spec spec = {temperature, top_k, 1, seed};
    count_draws_as(counts, &spec, logits, vocabulary);
}

/* Pearson's sum over the tokens in `kept`, which is near its number of degrees of freedom if the draws follow
 * the softmax at this temperature. */
static double chi_square(const size_t *counts, const bool *kept, const float *logits, size_t vocabulary,
                         double temperature)
{
    double total = 0;
    double sum = 0;
    for (size_t i = 0; i < vocabulary; i++)
        total += kept[i] ? exp((double)logits[i] / temperature) : 0;
    for (size_t i = 0; i < vocabulary; i++) {
        if (!kept[i]) {
            assert_int_equal(counts[i], 0);
            continue;
        }
        double expected = DRAWS * exp((double)logits[i] / temperature) / total;
        double difference = (double)counts[i] - expected;
        sum += difference * difference / expected;
    }
    return sum;
}

static const float six_logits[] = {0.5F, -1, 1.5F, 0, 0, -0.5F};

static void tokens_come_as_often_as_the_softmax_says(void **unused)
{
    (void)unused;
    static const double temperatures[] = {0.5, 0.8, 1, 3};
    static const bool all[] = {true, true, true, true, true, true};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++) {
            size_t counts[MOST_TOKENS];
            count_draws(counts, temperatures[i], 0, seed, six_logits, 6);
            /* 5 degrees of freedom: above 25.7 once in 10000 times. */
            assert_true(chi_square(counts, all, six_logits, 6, temperatures[i]) < 25.7);
        }
    }
}

static void top_k_keeps_the_largest_and_their_proportions(void **unused)
{
    (void)unused;
    static const bool kept[][6] = {
        {false, false, true, false, false, false},
        {true, false, true, false, false, false},
        {true, false, true, true, false, false}, /* of the tie 3 and 4 the lower */
        {true, false, true, true, true, false},
    };
    for (size_t k = 1; k <= 4; k++) {
        size_t counts[MOST_TOKENS];
        count_draws(counts, 1, k, 11, six_logits, 6);
        assert_true(chi_square(counts, kept[k - 1], six_logits, 6, 1) < 21.1); /* 3 degrees of freedom */
    }
}

/* The chances, falling: 0.492, 0.181, 0.110 twice, 0.067, 0.040. */
static void top_p_keeps_the_fewest_that_reach_it(void **unused)
{
    (void)unused;
    static const struct {
        double top_p;
        size_t top_k;
        bool kept[6];
    } cases[] = {
        {1e-9, 0, {false, false, true, false, false, false}},
        {0.49, 0, {false, false, true, false, false, false}},
        {0.50, 0, {true, false, true, false, false, false}},
        {0.67, 0, {true, false, true, false, false, false}},
        {0.68, 0, {true, false, true, true, false, false}}, /* of the tie 3 and 4 the lower */
        {0.95, 0, {true, false, true, true, true, true}},
        {0.97, 0, {true, true, true, true, true, true}},
        {0.75, 2, {true, false, true, false, false, false}}, /* of the two: 0.731, 0.269 */
        {0.70, 2, {false, false, true, false, false, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t counts[MOST_TOKENS];
        struct sampler_spec spec = {1, cases[i].top_k, cases[i].top_p, 11};
        count_draws_as(counts, &spec, six_logits, 6);
        assert_true(chi_square(counts, cases[i].kept, six_logits, 6, 1) < 25.7);
    }
}

static void top_k_of_the_whole_vocabulary_keeps_all(void **unused)
{
    (void)unused;
    static const size_t ks[] = {6, 7, SIZE_MAX};
    struct sampler *all = create(1, 0, 5, 6);
    for (size_t i = 0; i < sizeof ks / sizeof ks[0]; i++) {
        struct sampler *sampler = create(1, ks[i], 5, 6);
        for (uint64_t position = 0; position < 200; position++)
            assert_int_equal(sampler_choose(sampler, six_logits, 0, position),
                             sampler_choose(all, six_logits, 0, position));
        sampler_destroy(sampler);
    }
    sampler_destroy(all);
}

static bool draw_the_same(struct sampler *a, struct sampler *b, uint64_t sample_a, uint64_t sample_b,
                          uint64_t shift)
{
    bool same = true;
    for (uint64_t position = 0; position < 64; position++)
        same = sampler_choose(a, six_logits, sample_a, position) ==
                   sampler_choose(b, six_logits, sample_b, position + shift) &&
               same;
    return same;
}

/* Whatever was asked before: the choice is at an address. */
static void a_choice_depends_on_seed_sample_and_position(void **unused)
{
    (void)unused;
    struct sampler *a = create(1, 0, 9, 6);
    struct sampler *b = create(1, 0, 9, 6);
    struct sampler *other_seed = create(1, 0, 10, 6);
    sampler_choose(b, six_logits, 4, 1000);
    assert_true(draw_the_same(a, b, 3, 3, 0));
    assert_true(draw_the_same(a, b, 3, 3, 0));
    assert_false(draw_the_same(a, b, 3, 4, 0));
    assert_false(draw_the_same(a, b, 3, 3, 1));
    assert_false(draw_the_same(a, other_seed, 3, 3, 0));
    sampler_destroy(a);
    sampler_destroy(b);
    sampler_destroy(other_seed);
}

static void extreme_temperatures_are_greedy_and_uniform(void **unused)
{
    (void)unused;
    static const float logits[] = {-1e38F, 3, 2.5F, 1e-3F};
    static const bool all[] = {true, true, true, true};
    static const double tiny[] = {5e-324, 1e-300, 1e-4};
    size_t counts[MOST_TOKENS];
    for (size_t i = 0; i < sizeof tiny / sizeof tiny[0]; i++) {
        count_draws(counts, tiny[i], 0, 1, logits, 4);
        assert_int_equal(counts[1], DRAWS);
    }
    count_draws(counts, 1e300, 0, 1, logits, 4);
    assert_true(chi_square(counts, all, logits, 4, 1e300) < 21.1);
}

/* A token of weight -∞ is never drawn, one of +∞ always; one that is no number is passed over. */
static void logits_that_are_not_finite_do_no_harm(void **unused)
{
    (void)unused;
    static const float inf = INFINITY;
    static const float nan = NAN;
    static const double temperatures[] = {0, 0.7, 2};
    const float minus[] = {-inf, 1, -inf, 1.5F};
    const float plus[] = {0, 3, inf, inf};
    const float missing[] = {nan, -2, nan, -1, nan, -3, -4, nan};
    const float nothing[] = {nan, nan, nan};
    const float bottom[] = {-inf, -inf};
    for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++) {
        struct sampler *two = create(temperatures[i], 0, 1, 2);
        struct sampler *three = create(temperatures[i], 0, 1, 3);
        struct sampler *four = create(temperatures[i], 0, 1, 4);
        struct sampler *eight = create(temperatures[i], 3, 1, 8);
        for (uint64_t position = 0; position < 300; position++) {
            assert_int_equal(sampler_choose(four, minus, 0, position) % 2, 1);
            assert_int_equal(sampler_choose(four, plus, 0, position), 2);
            uint32_t token = sampler_choose(eight, missing, 0, position);
            assert_true(token == 1 || token == 3 || token == 5);
            assert_int_equal(sampler_choose(three, nothing, 0, position), 0);
            assert_int_equal(sampler_choose(two, bottom, 0, position), 0);
        }
        sampler_destroy(two);
        sampler_destroy(three);
        sampler_destroy(four);
        sampler_destroy(eight);
    }
}

/* What sampler_choose does, with the whole vocabulary in order. */
struct candidate {
    double logit;
    uint32_t token;
};

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->token < b->token ? -1 : 1;
}

static double relative_chance(const struct candidate *candidates, size_t place, double temperature)
{
    return exp((candidates[place].logit - candidates[0].logit) / temperature);
}

static uint32_t choose_by_sorting(const struct sampler_spec *spec, const float *logits, size_t vocabulary,
                                  uint64_t position)
{
    static struct candidate candidates[MANY_TOKENS];
    size_t count = vocabulary;
    double total = 0;
    double kept = 0;
    size_t nucleus = 0;
    for (size_t i = 0; i < vocabulary; i++)
        candidates[i] = (struct candidate){isnan(logits[i]) ? -INFINITY : (double)logits[i], (uint32_t)i};
    qsort(candidates, vocabulary, sizeof *candidates, compare_candidates);
    if (spec->top_k > 0 && spec->top_k < count)
        count = spec->top_k;
    for (size_t i = 0; i < count; i++)
        total += relative_chance(candidates, i, spec->temperature);
    while (nucleus < count && (spec->top_p >= 1 || kept < spec->top_p * total))
        kept += relative_chance(candidates, nucleus++, spec->temperature);
    double left = kept * random_uniform(spec->seed, random_stream(RANDOM_SAMPLE, 7), position);
    for (size_t i = 0; i < nucleus; i++) {
        left -= relative_chance(candidates, i, spec->temperature);
        if (left < 0)
            return candidates[i].token;
    }
    return candidates[0].token;
}

/* Many ties, both zeros, and what is not finite. */
static void make_many_logits(float logits[MANY_TOKENS], uint64_t seed)
{
    static const float special[] = {0.0F, -0.0F, -INFINITY, NAN};
    for (size_t i = 0; i < MANY_TOKENS; i++) {
        logits[i] = (float)(3 * random_normal(seed, 1, i));
        if (random_below(seed, 2, i, 3) == 0)
            logits[i] = roundf(logits[i]);
        if (random_below(seed, 3, i, 9) == 0)
            logits[i] = special[random_below(seed, 4, i, 4)];
    }
}

static void a_choice_is_that_of_sorting_all_tokens(void **unused)
{
    (void)unused;
    static const double temperatures[] = {0.05, 1, 40};
    static const size_t ks[] = {0, 1, 40, MANY_TOKENS - 1};
    static const double ps[] = {0.3, 0.9, 0.9999, 1};
    static float logits[MANY_TOKENS];
    for (size_t i = 0; i < 3 * 4 * 4; i++) {
        struct sampler_spec spec = {temperatures[i % 3], ks[i / 3 % 4], ps[i / 12], 5};
        struct sampler *sampler;
        make_many_logits(logits, i);
        assert_int_equal(sampler_create(&sampler, &spec, MANY_TOKENS, &error), STATUS_OK);
        for (uint64_t position = 0; position < 20; position++)
            assert_int_equal(sampler_choose(sampler, logits, 7, position),
                             choose_by_sorting(&spec, logits, MANY_TOKENS, position));
        sampler_destroy(sampler);
    }
}

static void without_memory_there_is_no_sampler(void **unused)
{
    (void)unused;
    struct sampler_spec spec = {.temperature = 1, .top_p = 1};
    struct sampler *sampler;
    for (long allocations = 0;; allocations++) {
        failing_allocator_after(allocations);
        enum status status = sampler_create(&sampler, &spec, 100, &error);
        bool failed = failing_allocator_has_failed();
        failing_allocator_after(-1);
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            break;
        }
        assert_int_equal(status, STATUS_FAILED);
        assert_null(sampler);
    }
    sampler_destroy(sampler);
    sampler_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_largest),
        cmocka_unit_test(greedy_takes_the_lowest_index_on_a_tie),
        cmocka_unit_test(top_1_is_greedy_at_any_temperature),
        cmocka_unit_test(tokens_come_as_often_as_the_softmax_says),
        cmocka_unit_test(top_k_keeps_the_largest_and_their_proportions),
        cmocka_unit_test(top_p_keeps_the_fewest_that_reach_it),
        cmocka_unit_test(top_k_of_the_whole_vocabulary_keeps_all),
        cmocka_unit_test(a_choice_depends_on_seed_sample_and_position),
        cmocka_unit_test(extreme_temperatures_are_greedy_and_uniform),
        cmocka_unit_test(logits_that_are_not_finite_do_no_harm),
        cmocka_unit_test(a_choice_is_that_of_sorting_all_tokens),
        cmocka_unit_test(without_memory_there_is_no_sampler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
