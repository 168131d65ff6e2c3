#include "output.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/linalg/softmax.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

/* The logits of a block of rows stay in the second-level cache from their product to the gradient of h. The
 * gradient of W wants more rows at a time, since it goes through the whole of W once for each batch of them.
 */
enum { BLOCK_ROWS = 48, BATCH_BYTES = 10 << 20, BATCH_ROWS_AT_LEAST = 96 };

static size_t rows_of_batch(size_t rows, size_t vocabulary)
{
    size_t fitting = BATCH_BYTES / (vocabulary * sizeof(float));
    size_t most = fitting < BATCH_ROWS_AT_LEAST ? BATCH_ROWS_AT_LEAST : fitting;
    return rows < most ? rows : most;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum status output_create(struct output *output, const struct packed_weights *weights, size_t rows,
                          struct error *error)
{
    enum status status;
    size_t hidden = weights->hidden;
    size_t vocabulary = weights->vocabulary;
    size_t batch = rows_of_batch(rows, vocabulary);
    size_t block = panels_are_views() ? batch : smaller(rows, BLOCK_ROWS);
    *output = (struct output){.weights = weights,
                              .hidden = hidden,
                              .vocabulary = vocabulary,
                              .block_rows = block,
                              .batch_rows = batch};
    TRY(panels_create(&output->h_rows, PANELS_NARROW, block, hidden, error));
    TRY(panels_create(&output->h_columns, PANELS_NARROW, hidden, batch, error));
    TRY(panels_create(&output->logit_rows, PANELS_NARROW, block, vocabulary, error));
    TRY(panels_create(&output->logit_columns, PANELS_WIDE, vocabulary, batch, error));
    TRY(memory_new(&output->logits, block * vocabulary, error));
    TRY(memory_new(&output->factors, block, error));
done:
    if (status != STATUS_OK)
        output_free(output);
    return status;
}

void output_free(struct output *output)
{
    panels_free(&output->h_rows);
    panels_free(&output->h_columns);
    panels_free(&output->logit_rows);
    panels_free(&output->logit_columns);
    memory_free(output->logits);
    memory_free(output->factors);
    *output = (struct output){0};
}

size_t output_floats(const struct output *output)
{
    size_t packed = output->h_rows.capacity + output->h_columns.capacity + output->logit_rows.capacity +
                    output->logit_columns.capacity;
    return packed + output->block_rows * (output->vocabulary + 1);
}

/* Without the bias. */
static void block_logits(struct output *output, const float *h, size_t rows, float *logits)
{
    size_t H = output->hidden;
    panels_pack(&output->h_rows, (struct panels_source){h, .lanes = rows, .depth = H, H, 1});
    panels_multiply(logits, output->vocabulary, &output->h_rows, &output->weights->W_forward, false);
}

/* Loss and gradient of h of one block; the gradient of its logits becomes rows from `first_row` on of the
 * batch. */
static double block_loss(struct output *output, const float *h, const uint32_t *targets, struct range block,
                         float scale, float *dh, float *b_gradient, struct panels *logit_columns,
                         struct phase_times *times)
{
    size_t H = output->hidden;
    size_t V = output->vocabulary;
    size_t rows = block.count;
    float *logits = output->logits;
    block_logits(output, h, rows, logits);
    phase_end(times, PHASE_LOGITS);

    struct softmax_block softmax = {logits, rows, V, output->weights->b_output, targets, scale};
    double loss =
        softmax_loss(&softmax, output->factors, &output->logit_rows, logit_columns, block.first, b_gradient);
    phase_end(times, PHASE_SOFTMAX);

    panels_multiply(dh, H, &output->logit_rows, &output->weights->W_backward, false);
    phase_end(times, PHASE_OUTPUT_DH);
    return loss;
}

double output_rows_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                        float scale, float *dh, float *b_gradient, struct panels *logit_columns,
                        struct phase_times *times)
{
    size_t H = output->hidden;
    double loss = 0;
    panels_begin(logit_columns, output->vocabulary, rows);
    for (size_t row = 0; row < rows; row += output->block_rows) {
        struct range block = {row, smaller(rows - row, output->block_rows)};
        loss += block_loss(output, h + row * H, targets + row, block, scale, dh + row * H, b_gradient,
                           logit_columns, times);
    }
    return loss;
}

/* All gradients of one batch of rows. */
static double batch_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                         float scale, bool first, float *dh, const struct output_gradients *gradients,
                         struct phase_times *times)
{
    size_t H = output->hidden;
    size_t V = output->vocabulary;
    double loss =
        output_rows_loss(output, h, targets, rows, scale, dh, gradients->b, &output->logit_columns, times);
    panels_pack(&output->h_columns, (struct panels_source){h, .lanes = H, .depth = rows, 1, H});
    panels_multiply(gradients->W, V, &output->h_columns, &output->logit_columns, !first);
    phase_end(times, PHASE_OUTPUT_DW);
    return loss;
}

double output_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows, float scale,
                   float *dh, const struct output_gradients *gradients, struct phase_times *times)
{
    size_t H = output->hidden;
    size_t batches = (rows + output->batch_rows - 1) / output->batch_rows;
    phase_start(times);
    memset(gradients->b, 0, output->vocabulary * sizeof *gradients->b);
    double loss = 0;
    for (size_t i = 0; i < batches; i++) {
        struct range batch = partition_range(rows, batches, i);
        loss += batch_loss(output, h + batch.first * H, targets + batch.first, batch.count, scale, i == 0,
                           dh + batch.first * H, gradients, times);
    }
    return loss;
}

void output_logits(struct output *output, const float *h, size_t rows, float *logits)
{
    size_t V = output->vocabulary;
    for (size_t row = 0; row < rows; row += output->block_rows) {
        size_t count = smaller(rows - row, output->block_rows);
        block_logits(output, h + row * output->hidden, count, logits + row * V);
    }
    for (size_t row = 0; row < rows; row++)
        vector_add(V, output->weights->b_output, logits + row * V);
}
