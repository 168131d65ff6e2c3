#include "dropout.h"

#include "support/network.h"

enum { STEPS = 7, ROWS = 9, WIDTH = 33, NUMBERS = STEPS * ROWS * WIDTH };

static const struct dropout_address address = {.seed = 5, .update = 1000, .layer = 1, .first_row = 4};

static void draw(float *mask, struct dropout_address at, double p)
{
    dropout_mask(mask, &at, p, STEPS, ROWS, WIDTH);
}

static void a_mask_is_zero_or_makes_up_for_it(void **unused)
{
    (void)unused;
    static const double chances[] = {0.1, 0.5, 0.75, 0.999};
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        double p = chances[i];
        float mask[NUMBERS];
        size_t dropped = 0;
        draw(mask, address, p);
        for (size_t k = 0; k < NUMBERS; k++) {
            assert_true(mask[k] == 0 || mask[k] == (float)(1 / (1 - p)));
            dropped += mask[k] == 0;
        }
        double n = NUMBERS;
        assert_true(fabs((double)dropped / n - p) < 5 * sqrt(p * (1 - p) / n));
    }
}

/* Neighbours in a row, over steps and over rows are dropped together as often as chance has it. */
static void numbers_are_dropped_independently(void **unused)
{
    (void)unused;
    static const size_t distances[] = {1, 2, 3, 4, WIDTH, ROWS * WIDTH};
    float mask[NUMBERS];
    draw(mask, address, 0.5);
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        size_t pairs = NUMBERS - distances[i];
        size_t together = 0;
        for (size_t k = 0; k < pairs; k++)
            together += mask[k] == 0 && mask[k + distances[i]] == 0;
        double n = (double)pairs;
        assert_true(fabs((double)together / n - 0.25) < 5 * sqrt(0.25 * 0.75 / n));
    }
}

/* Whatever rows are worked on together, a row of the global batch has its own numbers. */
static void a_mask_belongs_to_the_row_of_the_batch(void **unused)
{
    (void)unused;
    float all[NUMBERS];
    float one[STEPS * WIDTH];
    draw(all, address, 0.5);
    for (size_t row = 0; row < ROWS; row++) {
        struct dropout_address at = address;
        at.first_row += row;
        dropout_mask(one, &at, 0.5, STEPS, 1, WIDTH);
        for (size_t t = 0; t < STEPS; t++)
            assert_memory_equal(one + t * WIDTH, all + (t * ROWS + row) * WIDTH, WIDTH * sizeof *one);
    }
}

static void every_address_has_a_mask_of_its_own(void **unused)
{
    (void)unused;
    float mask[NUMBERS];
    draw(mask, address, 0.5);
    for (size_t i = 0; i < 4; i++) {
        struct dropout_address at = address;
        float other[NUMBERS];
        at.seed += i == 0;
        at.update += i == 1;
        at.layer += i == 2;
        at.first_row += i == 3 ? ROWS : 0;
        draw(other, at, 0.5);
        size_t equal = 0;
        for (size_t k = 0; k < NUMBERS; k++)
            equal += mask[k] == other[k];
        double n = NUMBERS;
        assert_true(fabs((double)equal / n - 0.5) < 5 * sqrt(0.25 / n));
    }
}

/* In training the loss depends on the update; a step without training knows nothing of dropout. */
static void dropout_is_for_training_alone(void **unused)
{
    (void)unused;
    struct network with;
    struct network without;
    struct model_spec spec = {
        .vocabulary_size = 12, .hidden_size = 6, .cell = cell_find("gru"), .num_layers = 2};
    float logits[2][2 * 12];
    network_create_of(&without, &spec, 2, 1);
    spec.dropout = 0.5;
    network_create_of(&with, &spec, 2, 1);
    model_step(without.model, without.inputs, logits[0]);
    model_step(with.model, with.inputs, logits[1]);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);

    double losses[2];
    for (uint64_t update = 0; update < 2; update++) {
        struct model_batch batch = {
            .inputs = with.inputs, .targets = with.targets, .input_rows = with.inputs, .update = update};
        network_set_state(&with);
        losses[update] = model_gradients(with.model, &batch, 1, with.gradients, NULL);
    }
    assert_true(losses[0] != losses[1]);
    network_destroy(&with);
    network_destroy(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_is_zero_or_makes_up_for_it),
        cmocka_unit_test(numbers_are_dropped_independently),
        cmocka_unit_test(a_mask_belongs_to_the_row_of_the_batch),
        cmocka_unit_test(every_address_has_a_mask_of_its_own),
        cmocka_unit_test(dropout_is_for_training_alone),
    };
    return cmocka_run_group_tests(tests, network_start_blis, NULL);
}
