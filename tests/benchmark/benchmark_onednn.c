/* Times oneDNN's LSTM layer, forward and back with the gradients of its weights, on one thread: the speed to
 * be had for the products of the time steps. Its weights are brought into its own layout before, as ours are
 * packed. */

#include "lstm_mpi/base/clock.h"

#include <dnnl.h>
#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 24 };

/* The benchmark has no way on from an error. */
static void check(dnnl_status_t status, const char *call)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "benchmark_onednn: %s: status %d\n", call, (int)status);
    exit(1);
}
#define CHECK(call) check((call), #call)

struct layer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_dim_t T, B, H;
};

static dnnl_memory_desc_t describe(int dim_count, const dnnl_dims_t dims, dnnl_format_tag_t format)
{
    dnnl_memory_desc_t description;
    CHECK(dnnl_memory_desc_init_by_tag(&description, dim_count, dims, dnnl_f32, format));
    return description;
}

/* Layouts of everything that goes through the layer; of the weights oneDNN chooses. */
struct shapes {
    dnnl_memory_desc_t sequence, state, weights, bias;
};

static struct shapes shapes_of(const struct layer *layer)
{
    return (struct shapes){
        .sequence = describe(3, (dnnl_dims_t){layer->T, layer->B, layer->H}, dnnl_tnc),
        .state = describe(4, (dnnl_dims_t){1, 1, layer->B, layer->H}, dnnl_ldnc),
        .weights = describe(5, (dnnl_dims_t){1, 1, layer->H, 4, layer->H}, dnnl_format_tag_any),
        .bias = describe(4, (dnnl_dims_t){1, 1, 4, layer->H}, dnnl_ldgo),
    };
}

struct pass {
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS];
    int count;
};

static dnnl_memory_t make_memory(const struct layer *layer, const dnnl_memory_desc_t *description)
{
    dnnl_memory_t memory;
    void *data;
    CHECK(dnnl_memory_create(&memory, description, layer->engine, DNNL_MEMORY_ALLOCATE));
    CHECK(dnnl_memory_get_data_handle(memory, &data));
    for (size_t i = 0; i < dnnl_memory_desc_get_size(description) / sizeof(float); i++)
        ((float *)data)[i] = 0.01F * (float)((i * 7919) % 13) - 0.06F;
    return memory;
}

static void add(struct pass *pass, const struct layer *layer, int argument, dnnl_query_t what, int index)
{
    const dnnl_memory_desc_t *description = dnnl_primitive_desc_query_md(pass->description, what, index);
    pass->arguments[pass->count++] = (dnnl_exec_arg_t){argument, make_memory(layer, description)};
}

/* The same memory as in another pass. */
static void share(struct pass *pass, const struct pass *other, int argument)
{
    for (int i = 0; i < other->count; i++)
        if (other->arguments[i].arg == argument)
            pass->arguments[pass->count++] = other->arguments[i];
}

static void make_forward(struct pass *pass, const struct layer *layer, const struct shapes *s)
{
    dnnl_rnn_desc_t rnn;
    CHECK(dnnl_lstm_forward_desc_init(&rnn, dnnl_forward_training, dnnl_unidirectional_left2right,
                                      &s->sequence, &s->state, &s->state, &s->weights, &s->weights, &s->bias,
                                      &s->sequence, &s->state, &s->state, dnnl_rnn_flags_undef));
    CHECK(dnnl_primitive_desc_create(&pass->description, &rnn, NULL, layer->engine, NULL));
    CHECK(dnnl_primitive_create(&pass->primitive, pass->description));
    add(pass, layer, DNNL_ARG_SRC_LAYER, dnnl_query_src_md, 0);
    add(pass, layer, DNNL_ARG_SRC_ITER, dnnl_query_src_md, 1);
    add(pass, layer, DNNL_ARG_SRC_ITER_C, dnnl_query_src_md, 2);
    add(pass, layer, DNNL_ARG_WEIGHTS_LAYER, dnnl_query_weights_md, 0);
    add(pass, layer, DNNL_ARG_WEIGHTS_ITER, dnnl_query_weights_md, 1);
    add(pass, layer, DNNL_ARG_BIAS, dnnl_query_weights_md, 2);
    add(pass, layer, DNNL_ARG_DST_LAYER, dnnl_query_dst_md, 0);
    add(pass, layer, DNNL_ARG_DST_ITER, dnnl_query_dst_md, 1);
    add(pass, layer, DNNL_ARG_DST_ITER_C, dnnl_query_dst_md, 2);
    add(pass, layer, DNNL_ARG_WORKSPACE, dnnl_query_workspace_md, 0);
}

static void make_backward(struct pass *pass, const struct layer *layer, const struct shapes *s,
                          const struct pass *forward)
{
    static const int shared[] = {DNNL_ARG_SRC_LAYER,  DNNL_ARG_SRC_ITER,  DNNL_ARG_SRC_ITER_C,
                                 DNNL_ARG_BIAS,       DNNL_ARG_DST_LAYER, DNNL_ARG_DST_ITER,
                                 DNNL_ARG_DST_ITER_C, DNNL_ARG_WORKSPACE};
    dnnl_rnn_desc_t rnn;
    CHECK(dnnl_lstm_backward_desc_init(
        &rnn, dnnl_backward, dnnl_unidirectional_left2right, &s->sequence, &s->state, &s->state, &s->weights,
        &s->weights, &s->bias, &s->sequence, &s->state, &s->state, &s->sequence, &s->state, &s->state,
        &s->weights, &s->weights, &s->bias, &s->sequence, &s->state, &s->state, dnnl_rnn_flags_undef));
    CHECK(dnnl_primitive_desc_create(&pass->description, &rnn, NULL, layer->engine, forward->description));
    CHECK(dnnl_primitive_create(&pass->primitive, pass->description));
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        share(pass, forward, shared[i]);
    add(pass, layer, DNNL_ARG_WEIGHTS_LAYER, dnnl_query_weights_md, 0);
    add(pass, layer, DNNL_ARG_WEIGHTS_ITER, dnnl_query_weights_md, 1);
    add(pass, layer, DNNL_ARG_DIFF_SRC_LAYER, dnnl_query_diff_src_md, 0);
    add(pass, layer, DNNL_ARG_DIFF_SRC_ITER, dnnl_query_diff_src_md, 1);
    add(pass, layer, DNNL_ARG_DIFF_SRC_ITER_C, dnnl_query_diff_src_md, 2);
    add(pass, layer, DNNL_ARG_DIFF_WEIGHTS_LAYER, dnnl_query_diff_weights_md, 0);
    add(pass, layer, DNNL_ARG_DIFF_WEIGHTS_ITER, dnnl_query_diff_weights_md, 1);
    add(pass, layer, DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, 2);
    add(pass, layer, DNNL_ARG_DIFF_DST_LAYER, dnnl_query_diff_dst_md, 0);
    add(pass, layer, DNNL_ARG_DIFF_DST_ITER, dnnl_query_diff_dst_md, 1);
    add(pass, layer, DNNL_ARG_DIFF_DST_ITER_C, dnnl_query_diff_dst_md, 2);
}

static double measure(const struct layer *layer, const struct pass *forward, const struct pass *backward,
                      int rounds)
{
    enum { UPDATES = 20 };
    double best = INFINITY;
    for (int round = 0; round <= rounds; round++) {
        double start = clock_seconds();
        for (int update = 0; update < UPDATES; update++) {
            CHECK(dnnl_primitive_execute(forward->primitive, layer->stream, forward->count,
                                         forward->arguments));
            CHECK(dnnl_primitive_execute(backward->primitive, layer->stream, backward->count,
                                         backward->arguments));
            CHECK(dnnl_stream_wait(layer->stream));
        }
        if (round > 0)
            best = fmin(best, (clock_seconds() - start) / UPDATES);
    }
    return best;
}

int main(int argc, const char **argv)
{
    long H = 256, B = 32, T = 35;
    int rounds = 10;
    int json = 0;
    struct poptOption table[] = {
        {"hidden-size", 'H', POPT_ARG_LONG, &H, 0, "hidden size", "N"},
        {"batch-size", 'B', POPT_ARG_LONG, &B, 0, "rows", "N"},
        {"num-steps", 'T', POPT_ARG_LONG, &T, 0, "time steps", "N"},
        {"rounds", 'r', POPT_ARG_INT, &rounds, 0, "the best of them counts", "N"},
        {"json", 'j', POPT_ARG_NONE, &json, 0, "one JSON object instead of a line", NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext(NULL, argc, argv, table, 0);
    if (poptGetNextOpt(context) != -1) {
        poptPrintUsage(context, stderr, 0);
        return 2;
    }
    poptFreeContext(context);
    struct layer layer = {.T = T, .B = B, .H = H};
    struct pass forward = {0};
    struct pass backward = {0};
    CHECK(dnnl_engine_create(&layer.engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&layer.stream, layer.engine, dnnl_stream_default_flags));
    struct shapes shapes = shapes_of(&layer);
    make_forward(&forward, &layer, &shapes);
    make_backward(&backward, &layer, &shapes, &forward);
    double seconds = measure(&layer, &forward, &backward, rounds);
    double operations = 3.0 * 2 * 2 * (double)(H * 4 * H * B * T); /* by the input and by h */
    const dnnl_version_t *version = dnnl_version();
    if (json)
        printf("{\"version\": \"%d.%d.%d\", \"hidden_size\": %ld, \"batch_size\": %ld, \"num_steps\": %ld, "
               "\"seconds\": %.9g, \"flops\": %.9g}\n",
               version->major, version->minor, version->patch, H, B, T, seconds, operations / seconds);
    else
        printf("oneDNN %d.%d.%d, H %ld, B %ld, T %ld: %.2f ms, %.1f GFLOP/s\n", version->major,
               version->minor, version->patch, H, B, T, 1e3 * seconds, 1e-9 * operations / seconds);
    return 0;
}
