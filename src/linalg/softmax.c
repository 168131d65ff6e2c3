#include "lstm_mpi/linalg/softmax.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/vector.h"
#include "softmax_functions.h"

#include <assert.h>
#include <math.h>

static const struct softmax_functions *functions_in_use(void)
{
    static const struct softmax_functions *const levels[] = VECTOR_LEVELS_ARRAY(softmax_functions);
    return levels[vector_level_in_use()];
}

/* Leaves exponentials in place of the logits of a row, and their sum in `total`. */
static double loss_of_row(const struct softmax_block *block, size_t row, float *total)
{
    float *logits = block->logits + row * block->vocabulary;
    uint32_t target = block->targets[row];
    float largest;
    float target_logit = logits[target] + block->bias[target];
    *total = functions_in_use()->of_row(block->vocabulary, logits, block->bias, &largest);
    return log((double)*total) - ((double)target_logit - (double)largest);
}

void softmax_row_losses(const struct softmax_block *block, double *losses)
{
    float total;
    for (size_t row = 0; row < block->rows; row++)
        losses[row] = loss_of_row(block, row, &total);
}

double softmax_loss(const struct softmax_block *block, float *bias_gradient)
{
    size_t V = block->vocabulary;
    double loss = 0;
    for (size_t row = 0; row < block->rows; row++) {
        float *logits = block->logits + row * V;
        float total;
        loss += loss_of_row(block, row, &total);
        logits[block->targets[row]] -= total;
        vector_scale(V, block->scale / total, logits);
        vector_add(V, logits, bias_gradient);
    }
    return loss;
}

enum status softmax_create(struct softmax *softmax, size_t rows, struct error *error)
{
    enum status status;
    _Static_assert(_Alignof(struct softmax_row) <= MEMORY_ALIGNMENT, "memory_new aligns its rows");
    *softmax = (struct softmax){.capacity = rows};
    TRY(memory_new(&softmax->row, rows, error));
done:
    if (status != STATUS_OK)
        softmax_free(softmax);
    return status;
}

void softmax_free(struct softmax *softmax)
{
    memory_free(softmax->row);
    *softmax = (struct softmax){0};
}

size_t softmax_floats(const struct softmax *softmax)
{
    return softmax->capacity * sizeof *softmax->row / sizeof(float);
}

void softmax_begin(struct softmax *softmax, struct panels *logits, const float *bias, const uint32_t *targets,
                   float scale)
{
    assert(logits->side == PANELS_WIDE && logits->source.depth <= softmax->capacity);
    softmax->logits = logits;
    softmax->bias = bias;
    softmax->targets = targets;
    softmax->scale = scale;
    for (size_t row = 0; row < logits->source.depth; row++) {
        for (size_t lane = 0; lane < SOFTMAX_LANES; lane++) {
            softmax->row[row].largest[lane] = -INFINITY;
            softmax->row[row].total[lane] = 0;
        }
    }
}

/* The part of some rows that lies in the panel of `column`. */
static struct softmax_tile tile_at(const struct softmax *softmax, struct range rows, size_t column)
{
    const struct panels *logits = softmax->logits;
    return (struct softmax_tile){
        .logits = panels_element(logits, column, rows.first),
        .width = logits->width,
        .rows = rows.count,
        .columns = smaller(logits->source.lanes - column, logits->width),
        .bias = softmax->bias + column,
        .row = softmax->row + rows.first,
    };
}

void softmax_largest(struct softmax *softmax, struct range columns)
{
    struct range rows = {0, softmax->logits->source.depth};
    for (size_t i = 0; i < columns.count; i += softmax->logits->width) {
        struct softmax_tile tile = tile_at(softmax, rows, columns.first + i);
        functions_in_use()->largest(&tile);
    }
}

void softmax_end_of_largest(struct softmax *softmax)
{
    for (size_t r = 0; r < softmax->logits->source.depth; r++) {
        struct softmax_row *row = &softmax->row[r];
        uint32_t target = softmax->targets[r];
        row->target_logit = *panels_element(softmax->logits, target, r) + softmax->bias[target];
        for (size_t lane = 1; lane < SOFTMAX_LANES; lane++)
            row->largest[0] = row->largest[lane] > row->largest[0] ? row->largest[lane] : row->largest[0];
    }
}

/* The same rows of the next panel lie where the hardware does not look ahead. */
static void prefetch_next_tile(const struct softmax *softmax, const struct softmax_tile *tile)
{
    const struct panels *logits = softmax->logits;
    const float *next = tile->logits + logits->panel_stride;
    for (size_t i = 0; i < tile->rows * tile->width; i += MEMORY_LINE_FLOATS)
        __builtin_prefetch(next + i, 1);
}

void softmax_exponentials(struct softmax *softmax, struct range rows, struct range columns,
                          struct panels *left)
{
    const struct softmax_functions *functions = functions_in_use();
    panels_begin(left, rows.count, columns.count);
    size_t width = softmax->logits->width;
    for (size_t row = 0; row < rows.count; row += left->width) {
        struct range some = {rows.first + row, smaller(rows.count - row, left->width)};
        struct softmax_tile tile = tile_at(softmax, some, columns.first);
        tile.narrow = panels_element(left, row, 0);
        tile.narrow_width = left->width;
        for (size_t i = 0; i < columns.count; i += width) {
            tile.columns = smaller(columns.count - i, width);
            prefetch_next_tile(softmax, &tile);
            functions->exponentials(&tile);
            tile.logits += softmax->logits->panel_stride;
            tile.bias += width;
            tile.narrow += width * left->width;
        }
    }
}

static double loss_of_panels_row(const struct softmax_row *row, float *total)
{
    *total = 0;
    for (size_t lane = 0; lane < SOFTMAX_LANES; lane++)
        *total += row->total[lane];
    return log((double)*total) - ((double)row->target_logit - (double)row->largest[0]);
}

void softmax_row_losses_of_panels(const struct softmax *softmax, double *losses)
{
    float total;
    for (size_t r = 0; r < softmax->logits->source.depth; r++)
        losses[r] = loss_of_panels_row(&softmax->row[r], &total);
}

double softmax_loss_of_panels(struct softmax *softmax, float *factors)
{
    double loss = 0;
    for (size_t r = 0; r < softmax->logits->source.depth; r++) {
        float total;
        loss += loss_of_panels_row(&softmax->row[r], &total);
        *panels_element(softmax->logits, softmax->targets[r], r) -= total;
        factors[r] = softmax->scale / total;
    }
    return loss;
}
