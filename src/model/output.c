#include "output.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/vector.h"

#include <string.h>

/* Sizes that the caches ask for; output.h draws them. The gradient of W is read and written once for each
 * slab. A block has few enough rows for the L2 cache, and so many that W, which comes from beyond it, is
 * not what takes the time. A piece is made, as the left operand of the product by the transposed W, of some
 * columns of the vocabulary at a time: few rows, which stay in the L1 and L2 caches, if what they are
 * multiplied with stays in the second; else more, so that this is brought from further away less often. */
enum {
    SLAB_ROWS_AT_LEAST = 192,
    BLOCK_ROWS = 384,
    PIECE_COLUMNS = 576,
    PIECE_ROWS = 24,
    PIECE_ROWS_OF_LARGE_W = 48
};

static size_t rows_of_piece(size_t hidden, size_t vocabulary)
{
    size_t W_bytes = hidden * smaller(vocabulary, PIECE_COLUMNS) * sizeof(float);
    return panels_whole_lanes(PANELS_NARROW,
                              W_bytes > memory_l2_bytes() ? PIECE_ROWS_OF_LARGE_W : PIECE_ROWS);
}

static size_t rows_of_slab(size_t rows, size_t vocabulary)
{
    size_t fitting = OUTPUT_SLAB_BYTES / (vocabulary * sizeof(float));
    return panels_block_lanes(PANELS_NARROW, rows, larger(SLAB_ROWS_AT_LEAST, fitting));
}

enum status output_create(struct output *output, const struct packed_weights *weights, size_t rows,
                          size_t rows_at_once, struct error *error)
{
    enum status status;
    size_t hidden = weights->output_width;
    size_t vocabulary = weights->vocabulary;
    size_t slab = larger(rows_of_slab(rows, vocabulary), rows_at_once);
    size_t block = panels_are_views() ? slab : smaller(slab, panels_whole_lanes(PANELS_NARROW, BLOCK_ROWS));
    *output = (struct output){.weights = weights,
                              .hidden = hidden,
                              .vocabulary = vocabulary,
                              .slab_rows = slab,
                              .block_rows = block,
                              .piece_rows = rows_of_piece(hidden, vocabulary),
                              .piece_columns = panels_whole_lanes(PANELS_WIDE, PIECE_COLUMNS)};
    TRY(panels_create(&output->h_rows, PANELS_NARROW, block, hidden, error));
    if (rows_at_once == 0)
        TRY(panels_create(&output->h_columns, PANELS_NARROW, hidden, slab, error));
    if (panels_are_views()) {
        TRY(memory_new(&output->logits, slab * vocabulary, error));
    } else {
        TRY(panels_create(&output->logit_columns, PANELS_WIDE, vocabulary, slab, error));
        TRY(panels_create(&output->logit_piece, PANELS_NARROW, output->piece_rows, output->piece_columns,
                          error));
        TRY(softmax_create(&output->softmax, block, error));
        TRY(memory_new(&output->factors, slab, error));
    }
    if (weights->tied && rows_at_once == 0)
        TRY(memory_new(&output->tied_dW, hidden * vocabulary, error));
done:
    if (status != STATUS_OK)
        output_free(output);
    return status;
}

void output_free(struct output *output)
{
    panels_free(&output->h_rows);
    panels_free(&output->h_columns);
    memory_free(output->logits);
    panels_free(&output->logit_columns);
    panels_free(&output->logit_piece);
    softmax_free(&output->softmax);
    memory_free(output->factors);
    memory_free(output->tied_dW);
    *output = (struct output){0};
}

size_t output_floats(const struct output *output)
{
    size_t packed = output->h_rows.capacity + output->h_columns.capacity + output->logit_columns.capacity +
                    output->logit_piece.capacity;
    size_t logits = output->logits ? output->slab_rows * output->vocabulary : 0;
    size_t tied = output->tied_dW ? output->hidden * output->vocabulary : 0;
    return packed + logits + tied + softmax_floats(&output->softmax) + output->slab_rows;
}

/* Some consecutive rows of all that output_loss is given. */
struct slab {
    const float *h;
    const uint32_t *targets;
    size_t rows;
    float scale;
    float *dh;
    const struct output_gradients *gradients;
    bool first;
};

static void pack_h_rows(struct output *output, const float *h, size_t rows)
{
    size_t H = output->hidden;
    panels_pack(&output->h_rows, (struct panels_source){h, .lanes = rows, .depth = H, H, 1});
}

static struct panels_source h_columns_of(const struct output *output, const struct slab *slab)
{
    size_t H = output->hidden;
    return (struct panels_source){slab->h, .lanes = H, .depth = slab->rows, 1, H};
}

/* The logits of a slab where BLIS has threads, and panels are views. */
static struct softmax_block unpacked_logits(struct output *output, const struct slab *slab)
{
    size_t V = output->vocabulary;
    pack_h_rows(output, slab->h, slab->rows);
    panels_multiply(output->logits, V, &output->h_rows, &output->weights->W_forward, false);
    return (struct softmax_block){output->logits, slab->rows, V, output->weights->b_output,
                                  slab->targets,  slab->scale};
}

/* The loss, the gradients of h and b, and that of the logits, as one says it. */
static double unpacked_rows_loss(struct output *output, const struct slab *slab, float *b_gradient,
                                 struct panels *logit_columns, struct phase_times *times)
{
    size_t H = output->hidden;
    size_t V = output->vocabulary;
    size_t rows = slab->rows;
    struct panels logit_rows;
    panels_place(&logit_rows, PANELS_NARROW, rows, V, NULL);
    struct softmax_block block = unpacked_logits(output, slab);
    phase_end(times, PHASE_LOGITS);
    double loss = softmax_loss(&block, b_gradient);
    phase_end(times, PHASE_SOFTMAX);
    panels_pack(&logit_rows, (struct panels_source){output->logits, .lanes = rows, .depth = V, V, 1});
    panels_multiply(slab->dh, H, &logit_rows, &output->weights->W_backward, false);
    phase_end(times, PHASE_OUTPUT_DH);
    panels_pack(logit_columns, (struct panels_source){output->logits, .lanes = V, .depth = rows, 1, V});
    return loss;
}

static double unpacked_loss(struct output *output, const struct slab *slab, struct phase_times *times)
{
    struct panels logit_columns;
    panels_place(&logit_columns, PANELS_WIDE, output->vocabulary, slab->rows, NULL);
    double loss = unpacked_rows_loss(output, slab, slab->gradients->b, &logit_columns, times);
    panels_pack(&output->h_columns, h_columns_of(output, slab));
    panels_multiply(slab->gradients->W, output->vocabulary, &output->h_columns, &logit_columns, !slab->first);
    phase_end(times, PHASE_OUTPUT_DW);
    return loss;
}

/* Some rows of a slab, and their logits. */
struct block {
    struct panels logits;
    const float *h;
    size_t rows;
    float *dh; /* NULL: not asked for */
    const uint32_t *targets;
    float *factors;
    float scale;
};

static struct block block_of(const struct output *output, const struct slab *slab,
                             const struct panels *logit_columns, size_t row)
{
    struct range rows = {row, smaller(slab->rows - row, output->block_rows)};
    return (struct block){
        .logits = panels_slice(logit_columns, (struct range){0, output->vocabulary}, rows),
        .h = slab->h + row * output->hidden,
        .rows = rows.count,
        .dh = slab->dh ? slab->dh + row * output->hidden : NULL,
        .targets = slab->targets + row,
        .factors = output->factors + row,
        .scale = slab->scale,
    };
}

/* The columns of one wide panel at a time: each panel of W goes through the L1 cache once, and the largest
 * logits are looked for while theirs is in the second. */
static void block_logits(struct output *output, struct block *block)
{
    struct softmax *softmax = &output->softmax;
    struct range rows = {0, block->rows};
    struct range depths = {0, output->hidden};
    size_t V = output->vocabulary;
    size_t width = block->logits.width;
    pack_h_rows(output, block->h, block->rows);
    softmax_begin(softmax, &block->logits, output->weights->b_output, block->targets, block->scale);
    for (size_t column = 0; column < V; column += width) {
        struct range columns = {column, smaller(V - column, width)};
        struct panels logits = panels_slice(&block->logits, columns, rows);
        struct panels W = panels_slice(&output->weights->W_forward, columns, depths);
        panels_multiply_into(&logits, &output->h_rows, &W);
        softmax_largest(softmax, columns);
    }
    softmax_end_of_largest(softmax);
}

/* The gradient of h without what comes of the targets, and before it is multiplied by the factors. */
static void block_exponentials_and_dh(struct output *output, const struct block *block,
                                      struct phase_times *times)
{
    size_t H = output->hidden;
    size_t V = output->vocabulary;
    for (size_t column = 0; column < V; column += output->piece_columns) {
        struct range columns = {column, smaller(V - column, output->piece_columns)};
        struct panels W = panels_slice(&output->weights->W_backward, (struct range){0, H}, columns);
        for (size_t row = 0; row < block->rows; row += output->piece_rows) {
            struct range rows = {row, smaller(block->rows - row, output->piece_rows)};
            softmax_exponentials(&output->softmax, rows, columns, &output->logit_piece);
            phase_end(times, PHASE_SOFTMAX);
            if (!block->dh)
                continue;
            panels_multiply(block->dh + row * H, H, &output->logit_piece, &W, column > 0);
            phase_end(times, PHASE_OUTPUT_DH);
        }
    }
}

static void finish_dh(const struct output *output, const struct block *block)
{
    size_t H = output->hidden;
    for (size_t row = 0; row < block->rows; row++) {
        panels_add_depth(&output->weights->W_backward, block->targets[row], -block->scale,
                         block->factors[row], block->dh + row * H);
    }
}

static double block_loss(struct output *output, struct block *block, struct phase_times *times)
{
    block_logits(output, block);
    phase_end(times, PHASE_LOGITS);
    block_exponentials_and_dh(output, block, times);
    double loss = softmax_loss_of_panels(&output->softmax, block->factors);
    phase_end(times, PHASE_SOFTMAX);
    finish_dh(output, block);
    phase_end(times, PHASE_OUTPUT_DH);
    return loss;
}

/* The panels of the logits go through the caches once, for both gradients. */
static void slab_dW_and_db(struct output *output, const struct slab *slab)
{
    struct range rows = {0, slab->rows};
    size_t V = output->vocabulary;
    size_t width = output->logit_columns.width;
    panels_pack_scaled(&output->h_columns, h_columns_of(output, slab), output->factors);
    for (size_t column = 0; column < V; column += width) {
        struct range columns = {column, smaller(V - column, width)};
        struct panels logits = panels_slice(&output->logit_columns, columns, rows);
        panels_multiply(slab->gradients->W + column, V, &output->h_columns, &logits, !slab->first);
        panels_add_weighted_depths(&logits, output->factors, slab->gradients->b + column);
    }
}

/* What unpacked_rows_loss does, with the logits in panels from the first product to the last, but for the
 * factors of the rows. */
static double packed_rows_loss(struct output *output, const struct slab *slab, struct panels *logit_columns,
                               struct phase_times *times)
{
    double loss = 0;
    panels_begin(logit_columns, output->vocabulary, slab->rows);
    for (size_t row = 0; row < slab->rows; row += output->block_rows) {
        struct block block = block_of(output, slab, logit_columns, row);
        loss += block_loss(output, &block, times);
    }
    return loss;
}

static double packed_loss(struct output *output, const struct slab *slab, struct phase_times *times)
{
    double loss = packed_rows_loss(output, slab, &output->logit_columns, times);
    slab_dW_and_db(output, slab);
    phase_end(times, PHASE_OUTPUT_DW);
    return loss;
}

double output_rows_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                        float scale, float *dh, float *b_gradient, struct panels *logit_columns,
                        struct phase_times *times)
{
    struct slab slab = {.h = h, .targets = targets, .rows = rows, .scale = scale, .dh = dh};
    if (panels_are_views())
        return unpacked_rows_loss(output, &slab, b_gradient, logit_columns, times);
    double loss = packed_rows_loss(output, &slab, logit_columns, times);
    panels_add_weighted_depths(logit_columns, output->factors, b_gradient);
    panels_scale_depths(logit_columns, output->factors);
    phase_end(times, PHASE_SOFTMAX);
    return loss;
}

double output_loss(struct output *output, const float *h, const uint32_t *targets, size_t rows, float scale,
                   float *dh, const struct output_gradients *gradients, struct phase_times *times)
{
    size_t H = output->hidden;
    phase_start(times);
    memset(gradients->b, 0, output->vocabulary * sizeof *gradients->b);
    struct output_gradients in_order = {output->tied_dW ? output->tied_dW : gradients->W, gradients->b};
    double loss = 0;
    for (size_t row = 0; row < rows; row += output->slab_rows) {
        struct slab slab = {.h = h + row * H,
                            .targets = targets + row,
                            .rows = smaller(rows - row, output->slab_rows),
                            .scale = scale,
                            .dh = dh + row * H,
                            .gradients = &in_order,
                            .first = row == 0};
        loss += (panels_are_views() ? unpacked_loss : packed_loss)(output, &slab, times);
    }
    if (output->tied_dW)
        vector_transpose(H, output->vocabulary, output->tied_dW, gradients->W);
    phase_end(times, PHASE_OUTPUT_DW);
    return loss;
}

void output_logits(struct output *output, const float *h, size_t rows, float *logits)
{
    size_t V = output->vocabulary;
    for (size_t row = 0; row < rows; row += output->block_rows) {
        pack_h_rows(output, h + row * output->hidden, smaller(rows - row, output->block_rows));
        panels_multiply(logits + row * V, V, &output->h_rows, &output->weights->W_forward, false);
    }
    for (size_t row = 0; row < rows; row++)
        vector_add(V, output->weights->b_output, logits + row * V);
}

static void unpacked_row_losses(struct output *output, const struct slab *slab, double *losses,
                                struct phase_times *times)
{
    struct softmax_block block = unpacked_logits(output, slab);
    phase_end(times, PHASE_LOGITS);
    softmax_row_losses(&block, losses);
    phase_end(times, PHASE_SOFTMAX);
}

static void packed_row_losses(struct output *output, const struct slab *slab, double *losses,
                              struct phase_times *times)
{
    panels_begin(&output->logit_columns, output->vocabulary, slab->rows);
    for (size_t row = 0; row < slab->rows; row += output->block_rows) {
        struct block block = block_of(output, slab, &output->logit_columns, row);
        block_logits(output, &block);
        phase_end(times, PHASE_LOGITS);
        block_exponentials_and_dh(output, &block, times);
        softmax_row_losses_of_panels(&output->softmax, losses + row);
        phase_end(times, PHASE_SOFTMAX);
    }
}

void output_row_losses(struct output *output, const float *h, const uint32_t *targets, size_t rows,
                       double *losses, struct phase_times *times)
{
    phase_start(times);
    for (size_t row = 0; row < rows; row += output->slab_rows) {
        struct slab slab = {.h = h + row * output->hidden,
                            .targets = targets + row,
                            .rows = smaller(rows - row, output->slab_rows)};
        (panels_are_views() ? unpacked_row_losses : packed_row_losses)(output, &slab, losses + row, times);
    }
}
