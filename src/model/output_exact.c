#include "output_exact.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/linalg/exact_sum.h"

#include <string.h>

enum status output_exact_create(struct output_exact *exact, struct output *output, size_t rows, size_t steps,
                                struct error *error)
{
    enum status status;
    size_t H = output->hidden;
    size_t V = output->vocabulary;
    size_t fitting = OUTPUT_SLAB_BYTES / (V * steps * sizeof(float));
    *exact = (struct output_exact){.output = output, .rows = rows, .steps = steps};
    /* Where nothing is packed, the next row's logits take the place of those that the last one's gradients
     * are. */
    exact->slab_rows = panels_are_views() ? 1 : smaller(rows, fitting > 0 ? fitting : 1);
    TRY(position_panels_create(&exact->h_columns, PANELS_NARROW, H, exact->slab_rows, steps, true, error));
    TRY(position_panels_create(&exact->logit_columns, PANELS_WIDE, V, exact->slab_rows, steps, true, error));
    TRY(memory_new(&exact->h, steps * H, error));
    TRY(memory_new(&exact->dh, steps * H, error));
    TRY(memory_new(&exact->targets, steps, error));
    TRY(memory_new(&exact->b_gradient, V, error));
done:
    if (status != STATUS_OK)
        output_exact_free(exact);
    return status;
}

void output_exact_free(struct output_exact *exact)
{
    position_panels_free(&exact->h_columns);
    position_panels_free(&exact->logit_columns);
    memory_free(exact->h);
    memory_free(exact->dh);
    memory_free(exact->targets);
    memory_free(exact->b_gradient);
    *exact = (struct output_exact){0};
}

size_t output_exact_floats(const struct output_exact *exact)
{
    if (!exact->output)
        return 0;
    size_t row = exact->steps * (2 * exact->output->hidden + 1) + exact->output->vocabulary;
    return position_panels_floats(&exact->h_columns) + position_panels_floats(&exact->logit_columns) + row;
}

/* Loss and gradient of h of one row; the operands of the product that makes W's gradient are packed. */
static double row_loss(struct output_exact *exact, size_t row, const float *h, const uint32_t *targets,
                       float scale, float *dh, struct panels *h_columns, struct panels *logit_columns,
                       struct phase_times *times)
{
    size_t H = exact->output->hidden;
    size_t rows = exact->rows;
    size_t steps = exact->steps;
    for (size_t step = 0; step < steps; step++) {
        memcpy(exact->h + step * H, h + (step * rows + row) * H, H * sizeof *h);
        exact->targets[step] = targets[step * rows + row];
    }
    memset(exact->b_gradient, 0, exact->output->vocabulary * sizeof *exact->b_gradient);
    double loss = output_rows_loss(exact->output, exact->h, exact->targets, steps, scale, exact->dh,
                                   exact->b_gradient, logit_columns, times);
    for (size_t step = 0; step < steps; step++)
        memcpy(dh + (step * rows + row) * H, exact->dh + step * H, H * sizeof *dh);
    panels_pack(h_columns, (struct panels_source){h + row * H, .lanes = H, .depth = steps, 1, rows * H});
    return loss;
}

void output_exact_loss(struct output_exact *exact, const float *h, const uint32_t *targets, float scale,
                       float *dh, const struct gradient_sums *sums, size_t W, size_t b,
                       struct phase_times *times)
{
    size_t H = exact->output->hidden;
    size_t V = exact->output->vocabulary;
    const struct exact_gradients *gradients = sums->exact;
    bool tied = exact->output->weights->tied;
    struct exact_matrix W_sums = {gradients->sums + W, tied ? H : V, tied};
    phase_start(times);
    struct position_values values =
        gradient_sums_values(sums, position_values_dense(h, exact->rows * exact->steps, H));
    double b_rounder = gradient_sums_rounder(sums, (double)scale);
    double W_rounder = gradient_sums_rounder(sums, (double)scale * values.largest);
    memset(gradients->sums + b, 0, V * sizeof *gradients->sums);
    for (size_t first = 0; first < exact->rows; first += exact->slab_rows) {
        size_t count = smaller(exact->rows - first, exact->slab_rows);
        for (size_t i = 0; i < count; i++) {
            gradients->row_losses[first + i] =
                row_loss(exact, first + i, h, targets, scale, dh, &exact->h_columns.panels[i],
                         &exact->logit_columns.panels[i], times);
            exact_sum_add(V, exact->b_gradient, b_rounder, gradients->sums + b);
        }
        exact_sum_products(&W_sums, exact->h_columns.panels, exact->logit_columns.panels, count, W_rounder,
                           first > 0);
        phase_end(times, PHASE_OUTPUT_DW);
    }
}
