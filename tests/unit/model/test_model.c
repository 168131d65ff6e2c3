/* The whole network against central differences of a reference in double, for shapes that fill panels and
 * shapes that do not. */

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/model.h"
#include "support/reference_lstm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct shape {
    size_t V, H, rows, steps;
};

static const struct shape shapes[] = {
    {.V = 5, .H = 3, .rows = 1, .steps = 1},     {.V = 7, .H = 4, .rows = 2, .steps = 3},
    {.V = 40, .H = 17, .rows = 5, .steps = 4},   {.V = 11, .H = 8, .rows = 13, .steps = 2},
    {.V = 130, .H = 33, .rows = 12, .steps = 9},
};

enum { SEED = 7 };
static const double weight_deviation = 0.4;

/* A network, its weights in float and in double, a batch, and a carried state that is not zero. */
struct fixture {
    struct shape shape;
    struct parameters parameters;
    struct packed_weights packed;
    float *packed_memory;
    struct model *model;
    float *weights;
    float *gradients;
    double *double_weights;
    double *h, *c;
    uint32_t *inputs, *targets;
};

static const double *tensor(const struct fixture *f, const char *path)
{
    return f->double_weights + parameters_find(&f->parameters, path)->offset;
}

static void set_state(struct fixture *f)
{
    struct model_state state = model_state(f->model);
    for (size_t i = 0; i < f->shape.rows * f->shape.H; i++) {
        state.h[i] = (float)(0.5 * random_normal(SEED, 101, i));
        state.c[i] = (float)(0.5 * random_normal(SEED, 102, i));
        f->h[i] = (double)state.h[i];
        f->c[i] = (double)state.c[i];
    }
}

static void create(struct fixture *f, struct shape shape)
{
    struct error error;
    struct model_spec spec = {shape.V, shape.H, cell_find("lstm")};
    *f = (struct fixture){.shape = shape};
    assert_int_equal(parameters_layout(&f->parameters, &spec, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->weights, f->parameters.size, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->packed_memory, packed_weights_floats(&spec), &error), STATUS_OK);
    assert_int_equal(packed_weights_place(&f->packed, &spec, f->weights, f->packed_memory, &error),
                     STATUS_OK);
    assert_int_equal(model_create(&f->model, &spec, &f->packed, shape.rows, shape.steps, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->gradients, f->parameters.size, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->double_weights, f->parameters.size, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->h, shape.rows * shape.H, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->c, shape.rows * shape.H, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->inputs, shape.rows * shape.steps, &error), STATUS_OK);
    assert_int_equal(memory_new(&f->targets, shape.rows * shape.steps, &error), STATUS_OK);
    for (size_t i = 0; i < f->parameters.count; i++) {
        const struct parameter *parameter = &f->parameters.table[i];
        for (size_t k = 0; k < parameters_tensor_size(parameter); k++) {
            float value = (float)(weight_deviation * random_normal(SEED, i, k));
            f->weights[parameter->offset + k] = value;
            f->double_weights[parameter->offset + k] = (double)value;
        }
    }
    for (size_t i = 0; i < shape.rows * shape.steps; i++) {
        f->inputs[i] = (uint32_t)random_below(SEED, 103, i, shape.V);
        f->targets[i] = (uint32_t)random_below(SEED, 104, i, shape.V);
    }
    enum { PARTS = 3 };
    for (size_t part = 0; part < PARTS; part++)
        packed_weights_pack(&f->packed, part, PARTS);
}

static void destroy(struct fixture *f)
{
    model_destroy(f->model);
    memory_free(f->weights);
    memory_free(f->packed_memory);
    memory_free(f->gradients);
    memory_free(f->double_weights);
    memory_free(f->h);
    memory_free(f->c);
    memory_free(f->inputs);
    memory_free(f->targets);
}

static double reference_loss(struct fixture *f)
{
    struct reference_lstm lstm = {
        f->shape.V,
        f->shape.H,
        f->shape.rows,
        f->shape.steps,
        tensor(f, "layer0/W_x"),
        tensor(f, "layer0/W_h"),
        tensor(f, "layer0/b"),
        tensor(f, "output/W"),
        tensor(f, "output/b"),
    };
    return reference_lstm_loss(&lstm, f->inputs, f->targets, f->h, f->c);
}

static double loss_at(struct fixture *f, size_t index, double value)
{
    double before = f->double_weights[index];
    f->double_weights[index] = value;
    set_state(f);
    double loss = reference_loss(f);
    f->double_weights[index] = before;
    return loss;
}

static struct model_batch batch_of(const struct fixture *f)
{
    return (struct model_batch){f->inputs, f->targets, f->inputs};
}

static void loss_and_state_agree_with_the_reference(void **unused)
{
    (void)unused;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct fixture f;
        create(&f, shapes[s]);
        set_state(&f);
        struct model_batch batch = batch_of(&f);
        double loss = model_gradients(f.model, &batch, 1, f.gradients, NULL);
        assert_true(fabs(loss - reference_loss(&f)) < 2e-6 * loss);
        struct model_state state = model_state(f.model);
        for (size_t i = 0; i < f.shape.rows * f.shape.H; i++) {
            assert_true(fabs((double)state.h[i] - f.h[i]) < 1e-5);
            assert_true(fabs((double)state.c[i] - f.c[i]) < 1e-5);
        }
        destroy(&f);
    }
}

static void gradients_agree_with_central_differences(void **unused)
{
    (void)unused;
    static const double step = 1e-5;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct fixture f;
        create(&f, shapes[s]);
        set_state(&f);
        float scale = 1 / (float)(f.shape.rows * f.shape.steps);
        struct model_batch batch = batch_of(&f);
        model_gradients(f.model, &batch, scale, f.gradients, NULL);
        for (size_t i = 0; i < f.parameters.count; i++) {
            const struct parameter *parameter = &f.parameters.table[i];
            size_t size = parameters_tensor_size(parameter);
            size_t stride = size / 150 + 1;
            for (size_t k = 0; k < size; k += stride) {
                size_t index = parameter->offset + k;
                double weight = f.double_weights[index];
                double difference = (loss_at(&f, index, weight + step) - loss_at(&f, index, weight - step)) /
                                    (2 * step) * (double)scale;
                double gradient = (double)f.gradients[index];
                if (fabs(gradient - difference) > 1e-6 + 1e-4 * fabs(difference))
                    fail_msg("%s[%zu] of shape %zu: %.9g, by differences %.9g", parameter->path, k, s,
                             gradient, difference);
            }
        }
        destroy(&f);
    }
}

static void a_step_gives_the_logits_of_the_next_token(void **unused)
{
    (void)unused;
    struct fixture f;
    create(&f, (struct shape){.V = 40, .H = 17, .rows = 3, .steps = 1});
    float *logits;
    struct error error;
    assert_int_equal(memory_new(&logits, 3 * 40, &error), STATUS_OK);
    set_state(&f);
    model_step(f.model, f.inputs, logits);
    double loss = 0;
    for (size_t row = 0; row < 3; row++) {
        double total = 0;
        for (size_t v = 0; v < 40; v++)
            total += exp((double)logits[row * 40 + v]);
        loss += log(total) - (double)logits[row * 40 + f.targets[row]];
    }
    assert_true(fabs(loss - reference_loss(&f)) < 1e-5);
    memory_free(logits);
    destroy(&f);
}

static void gradients_go_to_the_rows_that_the_batch_names(void **unused)
{
    (void)unused;
    struct fixture f;
    create(&f, (struct shape){.V = 30, .H = 5, .rows = 2, .steps = 4});
    uint32_t rows[8];
    for (uint32_t i = 0; i < 8; i++)
        rows[i] = i;
    set_state(&f);
    struct model_batch batch = {f.inputs, f.targets, rows};
    model_gradients(f.model, &batch, 1, f.gradients, NULL);
    const struct parameter *W_x = parameters_find(&f.parameters, "layer0/W_x");
    float by_row[30][20] = {{0}};
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 20; j++)
            by_row[f.inputs[i]][j] += f.gradients[W_x->offset + i * 20 + j];
    }
    memset(f.gradients, 0, f.parameters.size * sizeof *f.gradients);
    set_state(&f);
    batch.input_rows = f.inputs;
    model_gradients(f.model, &batch, 1, f.gradients, NULL);
    for (size_t v = 0; v < 30; v++) {
        for (size_t j = 0; j < 20; j++)
            assert_true(fabsf(by_row[v][j] - f.gradients[W_x->offset + v * 20 + j]) < 1e-6F);
    }
    destroy(&f);
}

static int start_blis(void **unused)
{
    (void)unused;
    struct error error;
    return blis_setup_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_state_agree_with_the_reference),
        cmocka_unit_test(gradients_agree_with_central_differences),
        cmocka_unit_test(a_step_gives_the_logits_of_the_next_token),
        cmocka_unit_test(gradients_go_to_the_rows_that_the_batch_names),
    };
    return cmocka_run_group_tests(tests, start_blis, NULL);
}
