/* The mean loss of a text over all ranks against one token after the other, row by row, on a single rank. */

#include "evaluation.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/linalg/blis_setup.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/initialize.h"
#include "support/parallel.h"

#include <math.h>

enum { V = 40, H = 9, STEPS = 5, MOST_TOKENS = 200 };

static struct error error;

/* A network of its own on every rank, for models of any number of rows. */
struct network {
    struct model_spec spec;
    struct parameters parameters;
    struct packed_weights packed;
    float *weights;
    float *memory;
};

static void create_network(struct network *network)
{
    network->spec = (struct model_spec){
        .vocabulary_size = V, .hidden_size = H, .cell = cell_find("lstm"), .num_layers = 1};

    CHECK(parameters_layout(&network->parameters, &network->spec, &error) == STATUS_OK);
    CHECK(memory_new(&network->weights, network->parameters.size, &error) == STATUS_OK);
    CHECK(memory_new(&network->memory, packed_weights_floats(&network->spec), &error) == STATUS_OK);
    initialize_normal(network->weights, &network->parameters, 1, 0, 1);
    for (size_t i = 0; i < network->parameters.size; i++)
        network->weights[i] *= 60;
    CHECK(packed_weights_place(&network->packed, &network->spec, network->weights, network->memory, &error) ==
          STATUS_OK);
    packed_weights_pack(&network->packed, 0, 1);
}

static double loss_of_logits(const float *logits, uint32_t target)
{
    double sum = 0;
    for (size_t v = 0; v < V; v++)
        sum += exp((double)logits[v]);
    return log(sum) - (double)logits[target];
}

/* Each row from a zero state, one token at a time. */
static double expected_loss(const struct network *network, const uint32_t *text, size_t tokens, size_t rows)
{
    struct model *model;
    float logits[V];
    double sum = 0;
    CHECK(model_create(&model, &network->spec, &network->packed, 1, 1, &error) == STATUS_OK);
    for (size_t row = 0; row < rows; row++) {
        struct range inputs = partition_range(tokens - 1, rows, row);
        model_zero_state(model);
        for (size_t i = inputs.first; i < inputs.first + inputs.count; i++) {
            model_step(model, &text[i], logits);
            sum += loss_of_logits(logits, text[i + 1]);
        }
    }
    model_destroy(model);
    return sum / (double)(tokens - 1);
}

static double measured_loss(const struct network *network, const struct comm *comm, const uint32_t *text,
                            size_t tokens, size_t batch_size)
{
    struct evaluation_spec spec = {
        .tokens = tokens,
        .batch_size = batch_size,
        .rows = partition_range(batch_size, (size_t)comm->size, (size_t)comm->rank),
        .num_steps = STEPS,
    };
    struct evaluation evaluation;
    struct model *model;
    double loss;
    CHECK(model_create(&model, &network->spec, &network->packed, spec.rows.count, STEPS, &error) ==
          STATUS_OK);
    CHECK(evaluation_create(&evaluation, &spec, &error) == STATUS_OK);
    struct range range = evaluation_tokens(&spec);
    CHECK(range.first + range.count <= tokens);
    struct evaluation_memory memory = {{.four_bytes = (uint32_t *)text + range.first}, range.first};
    struct evaluation_text source = {evaluation_memory_read, &memory};
    for (int times = 0; times < 2; times++)
        CHECK(evaluation_run(&evaluation, comm, model, &source, &loss, &error) == STATUS_OK);
    evaluation_free(&evaluation);
    model_destroy(model);
    return loss;
}

/* Fewer tokens than rows, rows that end together and not, windows that fit and not. */
static void test(const struct comm *comm)
{
    static const size_t tokens[] = {2, 3, 9, 51, 52, 101, 102, MOST_TOKENS};
    static const size_t batch_sizes[] = {8, 10, 13};
    struct network network;
    uint32_t text[MOST_TOKENS];
    CHECK(blis_setup_start(&error) == STATUS_OK);
    for (size_t i = 0; i < MOST_TOKENS; i++)
        text[i] = (uint32_t)random_below(1, 1, i, V);
    create_network(&network);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        for (size_t j = 0; j < sizeof batch_sizes / sizeof batch_sizes[0]; j++) {
            double expected = expected_loss(&network, text, tokens[i], batch_sizes[j]);
            double single = measured_loss(&network, &comm_alone, text, tokens[i], batch_sizes[j]);
            double together = measured_loss(&network, comm, text, tokens[i], batch_sizes[j]);
            CHECK(fabs(single - expected) < 2e-6 * expected);
            CHECK(fabs(together - single) < 1e-6 * single);
        }
    }
    memory_free(network.weights);
    memory_free(network.memory);
}

int main(void)
{
    return parallel_run(test);
}
