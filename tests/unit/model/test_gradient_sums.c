/* Exact gradients of some rows of a batch, and of the others, add up to those of all to the bit: with nothing
 * rounded away in double, where a difference would hardly ever show in float32. */

#include "support/network.h"

enum { ROWS = 7, STEPS = 5, V = 24, H = 9, UPDATE = 3, MOST_EXCHANGES = 64 };

/* What all who share the batch agreed on: told when all of its rows are one part, and again to smaller ones.
 */
struct agreed {
    double largest[MOST_EXCHANGES];
    size_t count;
    size_t next;
    bool is_known;
};

static double agree(void *context, double largest)
{
    struct agreed *agreed = context;
    if (!agreed->is_known) {
        assert_true(agreed->count < MOST_EXCHANGES);
        agreed->largest[agreed->count++] = largest;
        return largest;
    }
    assert_true(agreed->next < agreed->count && largest <= agreed->largest[agreed->next]);
    return agreed->largest[agreed->next++];
}

/* Exact sums of a network, and of each row its loss. */
struct sums {
    double *gradients;
    size_t count;
    double losses[ROWS];
};

static void create_sums(struct sums *sums, const struct network *network)
{
    struct error error;
    const struct parameters *parameters = &network->parameters;
    sums->count = parameters->dense_size + network->V * parameters->token_row_size;
    assert_int_equal(memory_new(&sums->gradients, sums->count, &error), STATUS_OK);
}

/* Rows of what all rows have at each of some places, [places, ROWS, width]. */
static void copy_rows(void *to, const void *from, size_t places, struct range rows, size_t row_bytes)
{
    for (size_t place = 0; place < places; place++)
        memcpy((char *)to + place * rows.count * row_bytes,
               (const char *)from + (place * ROWS + rows.first) * row_bytes, rows.count * row_bytes);
}

/* The state that all rows begin with is that of the network's own model. */
static void set_state(struct model *model, const struct network *network, struct range rows)
{
    struct model_state state = model_state(model);
    struct model_state whole = model_state(network->model);
    copy_rows(state.h, whole.h, state.layers, rows, H * sizeof(float));
    if (state.c)
        copy_rows(state.c, whole.c, state.layers, rows, H * sizeof(float));
}

static void add_rows(const struct network *network, struct range rows, struct agreed *agreed,
                     struct sums *sums)
{
    struct error error;
    struct model *model;
    struct sums part;
    uint32_t inputs[STEPS * ROWS];
    uint32_t targets[STEPS * ROWS];
    create_sums(&part, network);
    copy_rows(inputs, network->inputs, STEPS, rows, sizeof *inputs);
    copy_rows(targets, network->targets, STEPS, rows, sizeof *targets);
    assert_int_equal(model_create_exact(&model, &network->spec, &network->packed, rows.count, STEPS, &error),
                     STATUS_OK);
    set_state(model, network, rows);
    struct model_batch batch = {inputs, targets, inputs, UPDATE, rows.first};
    struct exact_gradients exact = {.sums = part.gradients,
                                    .row_losses = part.losses,
                                    .positions = (size_t)ROWS * STEPS,
                                    .largest_of_all = agree,
                                    .context = agreed};
    model_gradients_exact(model, &batch, 1.0F / (ROWS * STEPS), &exact);
    for (size_t i = 0; i < sums->count; i++)
        sums->gradients[i] += part.gradients[i];
    memcpy(sums->losses + rows.first, part.losses, rows.count * sizeof *part.losses);
    model_destroy(model);
    memory_free(part.gradients);
}

static void sum_in_parts(const struct network *network, struct agreed *agreed, const size_t *parts,
                         struct sums *sums)
{
    create_sums(sums, network);
    for (size_t first = 0; first < ROWS; first += *parts++) {
        agreed->next = 0;
        add_rows(network, (struct range){first, *parts}, agreed, sums);
        assert_true(!agreed->is_known || agreed->next == agreed->count);
    }
    agreed->is_known = true;
}

static const char *tensor_at(const struct network *network, size_t place)
{
    const struct parameters *parameters = &network->parameters;
    const char *path = "what inputs add";
    for (size_t i = 0; i < parameters->count && place < parameters->dense_size; i++)
        path = parameters->table[i].offset <= place ? parameters->table[i].path : path;
    return path;
}

static void check_network(const struct network *network)
{
    static const size_t parts[][ROWS] = {{ROWS}, {3, 4}, {1, 5, 1}, {2, 2, 2, 1}, {1, 1, 1, 1, 1, 1, 1}};
    const struct model_spec *spec = &network->spec;
    struct agreed agreed = {0};
    struct sums whole;
    sum_in_parts(network, &agreed, parts[0], &whole);
    for (size_t p = 1; p < sizeof parts / sizeof parts[0]; p++) {
        struct sums sums;
        sum_in_parts(network, &agreed, parts[p], &sums);
        assert_memory_equal(sums.losses, whole.losses, sizeof whole.losses);
        for (size_t i = 0; i < whole.count; i++) {
            if (!isfinite(whole.gradients[i]) || sums.gradients[i] != whole.gradients[i])
                fail_msg("%s, %zu layers, embedding %zu%s, parts %zu: %s is %.17g, not %.17g",
                         spec->cell->name, spec->num_layers, spec->embedding_size,
                         spec->tie_weights ? " (tied)" : "", p, tensor_at(network, i), sums.gradients[i],
                         whole.gradients[i]);
        }
        memory_free(sums.gradients);
    }
    memory_free(whole.gradients);
}

/* Terms of a sum come in very different sizes: tokens have small embeddings or large ones, and are predicted
 * to be likely or next to impossible. */
static void spread_sizes(struct network *network)
{
    const struct parameter *embedding = parameters_find(&network->parameters, "embedding/W");
    float *b = network->weights + network_offset(network, "output/b");
    for (size_t token = 0; token < V; token++) {
        b[token] -= token % 2 == 0 ? 0 : 30;
        for (size_t i = 0; embedding && i < embedding->dims[1]; i++)
            network->weights[embedding->offset + token * embedding->dims[1] + i] *=
                ldexpf(1, -5 * (int)token);
    }
    network_load(network);
}

static void rows_add_up_in_every_network(void **unused)
{
    (void)unused;
    static const size_t embedding_sizes[] = {0, 4, H};
    for (size_t member = 0; member < cell_count * 3 * 2; member++) {
        struct network network;
        size_t embedding = member / cell_count % 3;
        struct model_spec spec = {.vocabulary_size = V,
                                  .hidden_size = H,
                                  .cell = &cells[member % cell_count],
                                  .num_layers = 2,
                                  .embedding_size = embedding_sizes[embedding],
                                  .tie_weights = embedding_sizes[embedding] == H,
                                  .bidirectional = embedding == 1,
                                  .double_bias = true,
                                  .dropout = member / cell_count / 3 > 0 ? 0.4 : 0,
                                  .dropout_seed = 4};
        network_create_of(&network, &spec, ROWS, STEPS);
        spread_sizes(&network);
        check_network(&network);
        network_destroy(&network);
    }
}

/* Inputs may add far more to a tied embedding than outputs do, or less, so that one double cannot hold both.
 * Tokens that are inputs have rows of nothing, so that large weights do not saturate a cell. */
static void uses_of_a_tied_embedding_may_differ_in_size(void **unused)
{
    (void)unused;
    static const float factors[] = {0x1p40F, 0x1p-40F};
    for (size_t member = 0; member < cell_count * 2; member++) {
        struct network network;
        struct model_spec spec = {.vocabulary_size = V,
                                  .hidden_size = H,
                                  .cell = &cells[member / 2],
                                  .num_layers = 1,
                                  .embedding_size = H,
                                  .tie_weights = true};
        network_create_of(&network, &spec, ROWS, STEPS);
        float *W_x = network.weights + network_offset(&network, "layer0/W_x");
        for (size_t i = 0; i < H * spec.cell->gates * H; i++)
            W_x[i] *= factors[member % 2];
        memset(network.weights + network_offset(&network, "embedding/W"), 0, sizeof(float) * H * V / 2);
        for (size_t i = 0; i < (size_t)ROWS * STEPS; i++)
            network.inputs[i] /= 2;
        network_load(&network);
        check_network(&network);
        network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_add_up_in_every_network),
        cmocka_unit_test(uses_of_a_tied_embedding_may_differ_in_size),
    };
    return cmocka_run_group_tests(tests, network_start_blis, NULL);
}
