#include "batches_private.h"

#include "lstm_mpi/base/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error error;

/* The id of a token is its place in the text, so a batch tells by itself where it was taken from. */
static uint32_t *places(struct range range)
{
    uint32_t *ids = malloc((range.count + 1) * sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < range.count; i++)
        ids[i] = (uint32_t)(range.first + i);
    return ids;
}

struct rank {
    struct batches *batches;
    struct batches_spec spec;
    uint32_t *ids; /* exactly what batches_token_range asks for: the sanitizer sees any step beyond */
};

static struct rank rank_of(struct batches_spec spec, size_t ranks, size_t part)
{
    struct range rows = partition_range(spec.batch_size, ranks, part);
    spec.first_row = rows.first;
    spec.row_count = rows.count;
    struct rank rank = {.spec = spec};
    struct range range = batches_token_range(&rank.spec);
    assert_true(range.first + range.count <= spec.tokens);
    rank.ids = places(range);
    assert_int_equal(
        batches_create(&rank.batches, &rank.spec, (struct token_ids){.four_bytes = rank.ids}, &error),
        STATUS_OK);
    return rank;
}

static void finish(struct rank *rank)
{
    batches_destroy(rank->batches);
    free(rank->ids);
}

/* The place of every row's first input, by the definition; for random sampling, of every subsequence's. */
static void check_sequential(const struct batches_spec *spec, const struct rank *rank, uint64_t epoch)
{
    size_t o = batches_start_offset(rank->batches);
    size_t n = (spec->tokens - o - 1) / spec->batch_size;
    size_t updates = n / spec->num_steps;
    assert_int_equal(o, batches_offset(spec, epoch));
    assert_int_equal(batches_updates(rank->batches), updates);
    assert_true(updates > 0);
    struct batch batch;
    for (size_t u = 0; u < updates; u++) {
        assert_true(batches_next(rank->batches, &batch));
        assert_int_equal(batch.rows, rank->spec.row_count);
        assert_int_equal(batch.first_row, rank->spec.first_row);
        assert_int_equal(batch.steps, spec->num_steps);
        assert_int_equal(batch.state_starts_at_zero, u == 0);
        for (size_t t = 0; t < batch.steps; t++) {
            for (size_t row = 0; row < batch.rows; row++) {
                size_t place = o + (batch.first_row + row) * n + u * spec->num_steps + t;
                assert_int_equal(batch.inputs[t * batch.rows + row], place);
                assert_int_equal(batch.targets[t * batch.rows + row], place + 1);
            }
        }
    }
    assert_false(batches_next(rank->batches, &batch));
    assert_false(batches_next(rank->batches, &batch));
}

/* Calls `check` for all small settings that the text is long enough for. */
static void for_all(enum sampling sampling, void (*check)(struct batches_spec spec))
{
    for (size_t B = 1; B <= 5; B++) {
        for (size_t T = 1; T <= 4; T++) {
            for (int offset = -1; offset <= 6; offset += offset < 1 ? 1 : 5) {
                struct batches_spec spec = {
                    .batch_size = B,
                    .num_steps = T,
                    .sampling = sampling,
                    .offset_is_random = offset < 0,
                    .start_offset = offset < 0 ? 0 : (size_t)offset,
                    .seed = 7,
                };
                size_t needed = batches_needed_tokens(&spec);
                for (spec.tokens = needed; spec.tokens < needed + 3 * B * T; spec.tokens++)
                    check(spec);
            }
        }
    }
}

static void check_sequential_ranks(struct batches_spec spec)
{
    for (size_t ranks = 1; ranks <= spec.batch_size + 1; ranks++) {
        for (size_t part = 0; part < ranks; part++) {
            struct rank rank = rank_of(spec, ranks, part);
            for (uint64_t epoch = 0; epoch < 4; epoch++) {
                batches_start_epoch(rank.batches, epoch, 0);
                check_sequential(&spec, &rank, epoch);
            }
            finish(&rank);
        }
    }
}

static void sequential_is_the_definition_on_any_number_of_ranks(void **state)
{
    (void)state;
    for_all(SAMPLING_SEQUENTIAL, check_sequential_ranks);
}

enum { MOST = 256 };

/* One rank: every subsequence at most once, whole, at its place; none missing but the last incomplete
 * batch. `starts` gets the place of each row of each update. */
static size_t check_random(const struct batches_spec *spec, const struct rank *rank, size_t starts[MOST])
{
    size_t o = batches_start_offset(rank->batches);
    size_t subsequences = (spec->tokens - o - 1) / spec->num_steps;
    size_t updates = subsequences / spec->batch_size;
    bool seen[MOST] = {false};
    struct batch batch;
    size_t found = 0;
    assert_int_equal(batches_updates(rank->batches), updates);
    assert_true(updates > 0);
    while (batches_next(rank->batches, &batch)) {
        assert_true(batch.state_starts_at_zero);
        for (size_t row = 0; row < batch.rows; row++) {
            size_t start = batch.inputs[row];
            assert_int_equal((start - o) % spec->num_steps, 0);
            size_t number = (start - o) / spec->num_steps;
            assert_true(number < subsequences);
            assert_false(seen[number]);
            seen[number] = true;
            starts[found++] = start;
            for (size_t t = 0; t < batch.steps; t++) {
                assert_int_equal(batch.inputs[t * batch.rows + row], start + t);
                assert_int_equal(batch.targets[t * batch.rows + row], start + t + 1);
            }
        }
    }
    assert_int_equal(found, updates * spec->batch_size);
    return found;
}

static void check_random_ranks(struct batches_spec spec)
{
    struct rank single = rank_of(spec, 1, 0);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        size_t starts[MOST];
        batches_start_epoch(single.batches, epoch, 0);
        size_t found = check_random(&spec, &single, starts);
        for (size_t ranks = 2; ranks <= spec.batch_size; ranks++) {
            for (size_t part = 0; part < ranks; part++) {
                struct rank rank = rank_of(spec, ranks, part);
                struct batch batch;
                size_t update = 0;
                batches_start_epoch(rank.batches, epoch, 0);
                for (; batches_next(rank.batches, &batch); update++) {
                    for (size_t row = 0; row < batch.rows; row++) {
                        size_t start = starts[update * spec.batch_size + batch.first_row + row];
                        for (size_t t = 0; t < batch.steps; t++) {
                            assert_int_equal(batch.inputs[t * batch.rows + row], start + t);
                            assert_int_equal(batch.targets[t * batch.rows + row], start + t + 1);
                        }
                    }
                }
                assert_int_equal(update * spec.batch_size, found);
                finish(&rank);
            }
        }
    }
    finish(&single);
}

static void random_is_the_definition_on_any_number_of_ranks(void **state)
{
    (void)state;
    for_all(SAMPLING_RANDOM, check_random_ranks);
}

static struct batches_spec usual(enum sampling sampling)
{
    return (struct batches_spec){.tokens = 10000,
                                 .batch_size = 32,
                                 .num_steps = 35,
                                 .sampling = sampling,
                                 .offset_is_random = true,
                                 .seed = 1,
                                 .row_count = 32};
}

static void offsets_cover_their_whole_range(void **state)
{
    (void)state;
    for (enum sampling sampling = 0; sampling < SAMPLING_COUNT; sampling++) {
        struct batches_spec spec = usual(sampling);
        size_t largest = sampling == SAMPLING_SEQUENTIAL ? 35 : 34;
        size_t drawn[37] = {0};
        assert_int_equal(batches_largest_offset(&spec), largest);
        for (uint64_t epoch = 0; epoch < 4000; epoch++) {
            size_t offset = batches_offset(&spec, epoch);
            assert_true(offset <= largest);
            drawn[offset]++;
        }
        for (size_t offset = 0; offset <= largest; offset++)
            assert_in_range(drawn[offset], 60, 170); /* 111 or 114 expected, deviation 10.5 */
        spec.offset_is_random = false;
        spec.start_offset = 1234;
        assert_int_equal(batches_largest_offset(&spec), 1234);
        assert_int_equal(batches_offset(&spec, 9), 1234);
    }
}

static void seeds_and_epochs_change_the_order(void **state)
{
    (void)state;
    struct batches_spec spec = usual(SAMPLING_RANDOM);
    spec.offset_is_random = false;
    struct rank one = rank_of(spec, 1, 0);
    spec.seed = 2;
    struct rank two = rank_of(spec, 1, 0);
    struct batch batch;
    uint32_t first[3][32];
    batches_start_epoch(one.batches, 0, 0);
    assert_true(batches_next(one.batches, &batch));
    memcpy(first[0], batch.inputs, sizeof first[0]);
    batches_start_epoch(one.batches, 1, 0);
    assert_true(batches_next(one.batches, &batch));
    memcpy(first[1], batch.inputs, sizeof first[1]);
    batches_start_epoch(two.batches, 0, 0);
    assert_true(batches_next(two.batches, &batch));
    memcpy(first[2], batch.inputs, sizeof first[2]);
    assert_memory_not_equal(first[0], first[1], sizeof first[0]);
    assert_memory_not_equal(first[0], first[2], sizeof first[0]);
    finish(&one);
    finish(&two);
}

/* All orders of four subsequences come, each about as often. */
static void the_shuffle_is_fair(void **state)
{
    (void)state;
    struct batches_spec spec = {
        .tokens = 5, .batch_size = 4, .num_steps = 1, .sampling = SAMPLING_RANDOM, .seed = 3, .row_count = 4};
    struct rank rank = rank_of(spec, 1, 0);
    size_t seen[256] = {0};
    struct batch batch;
    for (uint64_t epoch = 0; epoch < 4800; epoch++) {
        batches_start_epoch(rank.batches, epoch, 0);
        assert_true(batches_next(rank.batches, &batch));
        seen[batch.inputs[0] + 4 * batch.inputs[1] + 16 * batch.inputs[2] + 64 * batch.inputs[3]]++;
    }
    size_t orders = 0;
    for (size_t i = 0; i < 256; i++) {
        if (seen[i] > 0) {
            orders++;
            assert_in_range(seen[i], 130, 270); /* 200 expected, deviation 14 */
        }
    }
    assert_int_equal(orders, 24);
    finish(&rank);
}

/* Batches of a text of which nobody has the tokens: one place alone. */
static void the_shuffle_goes_beyond_32_bits(void **state)
{
    (void)state;
    enum { T = 1 << 20, DRAWS = 64 };
    struct batches_spec spec = {
        .tokens = (size_t)1 << 60, .batch_size = 1, .num_steps = T, .sampling = SAMPLING_RANDOM, .seed = 3};
    struct batches *batches;
    assert_int_equal(batches_create(&batches, &spec, (struct token_ids){0}, &error), STATUS_OK);
    batches_start_epoch(batches, 0, 0);
    assert_int_equal(batches_updates(batches), ((size_t)1 << 40) - 1);
    size_t high = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        size_t number = batches_shuffled(batches, i);
        assert_true(number < ((size_t)1 << 40) - 1);
        high += number >> 39;
    }
    assert_in_range(high, DRAWS / 4, 3 * DRAWS / 4);
    batches_destroy(batches);
}

static void an_epoch_is_taken_up_in_its_middle(void **state)
{
    (void)state;
    for (enum sampling sampling = 0; sampling < SAMPLING_COUNT; sampling++) {
        struct batches_spec spec = usual(sampling);
        struct rank whole = rank_of(spec, 3, 1);
        struct rank resumed = rank_of(spec, 3, 1);
        struct batch expected, batch;
        batches_start_epoch(whole.batches, 5, 0);
        for (size_t update = 0; update < 3; update++)
            assert_true(batches_next(whole.batches, &expected));
        batches_start_epoch(resumed.batches, 5, 3);
        while (batches_next(whole.batches, &expected)) {
            size_t bytes = expected.rows * expected.steps * sizeof *expected.inputs;
            assert_true(batches_next(resumed.batches, &batch));
            assert_memory_equal(batch.inputs, expected.inputs, bytes);
            assert_memory_equal(batch.targets, expected.targets, bytes);
            assert_int_equal(batch.state_starts_at_zero, sampling == SAMPLING_RANDOM);
        }
        assert_false(batches_next(resumed.batches, &batch));
        batches_start_epoch(resumed.batches, 5, batches_updates(resumed.batches));
        assert_false(batches_next(resumed.batches, &batch));
        finish(&whole);
        finish(&resumed);
    }
}

static void a_short_corpus_is_an_error_with_both_numbers(void **state)
{
    (void)state;
    static const struct {
        enum sampling sampling;
        bool offset_is_random;
        size_t start_offset;
        size_t needed;
    } cases[] = {
        {SAMPLING_SEQUENTIAL, true, 0, 32 * 35 + 1 + 35},
        {SAMPLING_RANDOM, true, 0, 32 * 35 + 1 + 34},
        {SAMPLING_SEQUENTIAL, false, 0, 32 * 35 + 1},
        {SAMPLING_RANDOM, false, 0, 32 * 35 + 1},
        {SAMPLING_SEQUENTIAL, false, 500, 32 * 35 + 1 + 500},
        {SAMPLING_RANDOM, false, 500, 32 * 35 + 1 + 500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct batches_spec spec = usual(cases[i].sampling);
        spec.offset_is_random = cases[i].offset_is_random;
        spec.start_offset = cases[i].start_offset;
        spec.tokens = cases[i].needed;
        assert_int_equal(batches_needed_tokens(&spec), cases[i].needed);
        assert_int_equal(batches_check(&spec, &error), STATUS_OK);
        assert_int_equal(batches_updates_at(&spec, batches_largest_offset(&spec)), 1);
        spec.tokens--;
        assert_int_equal(batches_updates_at(&spec, batches_largest_offset(&spec)), 0);
        assert_int_equal(batches_check(&spec, &error), STATUS_FAILED);
        char numbers[64];
        snprintf(numbers, sizeof numbers, "%zu tokens and %zu are needed", spec.tokens, cases[i].needed);
        assert_non_null(strstr(error.why, numbers));
        struct batches *batches;
        assert_int_equal(batches_create(&batches, &spec, (struct token_ids){0}, &error), STATUS_FAILED);
        assert_null(batches);
        spec.tokens = 0;
        assert_int_equal(batches_check(&spec, &error), STATUS_FAILED);
    }
}

/* The arithmetic alone: nobody has this memory. */
static void numbers_beyond_32_bits_are_fine(void **state)
{
    (void)state;
    struct batches_spec spec = usual(SAMPLING_SEQUENTIAL);
    spec.tokens = (size_t)1 << 40;
    spec.first_row = 30;
    spec.row_count = 2;
    size_t n = (((size_t)1 << 40) - 1) / 32;
    assert_int_equal(batches_check(&spec, &error), STATUS_OK);
    assert_int_equal(batches_updates_at(&spec, 0), n / 35);
    struct range range = batches_token_range(&spec);
    assert_in_range(range.first, 30 * n - 35 - 30, 30 * n);
    assert_true(range.first + range.count <= spec.tokens);
    assert_true(range.count <= 2 * n + 128);
    spec.sampling = SAMPLING_RANDOM;
    assert_int_equal(batches_updates_at(&spec, 34), (spec.tokens - 35) / 35 / 32);
    assert_int_equal(batches_token_range(&spec).count, spec.tokens);

    static const size_t huge[] = {(size_t)1 << 33, (size_t)1 << 62, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            for (int fixed = 0; fixed < 2; fixed++) {
                struct batches_spec far = {.tokens = SIZE_MAX,
                                           .batch_size = huge[i],
                                           .num_steps = huge[k],
                                           .offset_is_random = !fixed,
                                           .start_offset = huge[k]};
                assert_int_equal(batches_needed_tokens(&far), SIZE_MAX);
                assert_int_equal(batches_check(&far, &error), STATUS_FAILED);
            }
        }
    }
    spec.num_steps = 1;
    spec.batch_size = 1;
    spec.offset_is_random = false;
    spec.start_offset = SIZE_MAX - 1;
    assert_int_equal(batches_needed_tokens(&spec), SIZE_MAX);
    spec.start_offset = SIZE_MAX - 10;
    spec.tokens = SIZE_MAX - 1;
    assert_int_equal(batches_check(&spec, &error), STATUS_OK);
    assert_int_equal(batches_updates_at(&spec, spec.start_offset), 8);
}

static void memory_that_nobody_has_is_an_error(void **state)
{
    (void)state;
    for (enum sampling sampling = 0; sampling < SAMPLING_COUNT; sampling++) {
        struct batches_spec spec = {.tokens = (size_t)1 << 62,
                                    .batch_size = (size_t)1 << 31,
                                    .num_steps = (size_t)1 << 30,
                                    .sampling = sampling,
                                    .row_count = (size_t)1 << 31};
        struct batches *batches;
        assert_int_equal(batches_check(&spec, &error), STATUS_OK);
        assert_int_equal(batches_create(&batches, &spec, (struct token_ids){0}, &error), STATUS_FAILED);
        assert_string_equal(error.what, "out of memory");
        assert_null(batches);
    }
}

/* Rows alone: the ranges of all ranks together are little more than the text. */
static void a_rank_needs_its_rows_alone(void **state)
{
    (void)state;
    struct batches_spec spec = usual(SAMPLING_SEQUENTIAL);
    spec.tokens = 1000000;
    size_t sum = 0;
    for (size_t part = 0; part < 8; part++) {
        spec.first_row = 4 * part;
        spec.row_count = 4;
        sum += batches_token_range(&spec).count;
    }
    assert_true(sum < spec.tokens + 1024);
}

static void names_are_complete(void **state)
{
    (void)state;
    assert_string_equal(sampling_names[SAMPLING_SEQUENTIAL], "sequential");
    assert_string_equal(sampling_names[SAMPLING_RANDOM], "random");
    assert_null(sampling_names[SAMPLING_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential_is_the_definition_on_any_number_of_ranks),
        cmocka_unit_test(random_is_the_definition_on_any_number_of_ranks),
        cmocka_unit_test(offsets_cover_their_whole_range),
        cmocka_unit_test(seeds_and_epochs_change_the_order),
        cmocka_unit_test(the_shuffle_is_fair),
        cmocka_unit_test(the_shuffle_goes_beyond_32_bits),
        cmocka_unit_test(an_epoch_is_taken_up_in_its_middle),
        cmocka_unit_test(a_short_corpus_is_an_error_with_both_numbers),
        cmocka_unit_test(numbers_beyond_32_bits_are_fine),
        cmocka_unit_test(memory_that_nobody_has_is_an_error),
        cmocka_unit_test(a_rank_needs_its_rows_alone),
        cmocka_unit_test(names_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
