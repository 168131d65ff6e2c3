#include "dense_input.h"

#include "lstm_mpi/base/smaller.h"

/* Packed rows of X and of the gates' gradient stay in the second-level cache until they are multiplied. */
enum { BLOCK_ROWS = 192 };

enum status dense_input_create(struct dense_input *input, const struct packed_layer *weights, size_t rows,
                               size_t steps, bool exact, struct error *error)
{
    enum status status;
    size_t positions = rows * steps;
    size_t block = panels_are_views() ? positions : smaller(positions, BLOCK_ROWS);
    *input = (struct dense_input){.weights = weights, .block_rows = block};
    TRY(panels_create(&input->x_rows, PANELS_NARROW, block, weights->input_width, error));
    TRY(panels_create(&input->gate_rows, PANELS_NARROW, block, weights->gate_width, error));
    TRY(position_panels_create(&input->x_columns, PANELS_NARROW, weights->input_width, rows, steps, exact,
                               error));
done:
    if (status != STATUS_OK)
        dense_input_free(input);
    return status;
}

void dense_input_free(struct dense_input *input)
{
    panels_free(&input->x_rows);
    panels_free(&input->gate_rows);
    position_panels_free(&input->x_columns);
    *input = (struct dense_input){0};
}

size_t dense_input_floats(const struct dense_input *input)
{
    return input->x_rows.capacity + input->gate_rows.capacity + position_panels_floats(&input->x_columns);
}

void dense_input_forward(struct dense_input *input, const float *x, size_t positions, float *gates,
                         size_t gate_stride)
{
    size_t in = input->weights->input_width;
    for (size_t row = 0; row < positions; row += input->block_rows) {
        size_t count = smaller(positions - row, input->block_rows);
        panels_pack(&input->x_rows, (struct panels_source){x + row * in, .lanes = count, .depth = in, in, 1});
        panels_multiply(gates + row * gate_stride, gate_stride, &input->x_rows, &input->weights->W_x_forward,
                        true);
    }
}

void dense_input_backward(struct dense_input *input, const struct position_values *dgates, float *dx,
                          bool accumulate)
{
    size_t in = input->weights->input_width;
    for (size_t row = 0; row < dgates->positions; row += input->block_rows) {
        size_t count = smaller(dgates->positions - row, input->block_rows);
        panels_pack(&input->gate_rows, (struct panels_source){.data = dgates->values + row * dgates->stride,
                                                              .lanes = count,
                                                              .depth = dgates->width,
                                                              .lane_stride = dgates->stride,
                                                              .depth_stride = 1});
        panels_multiply(dx + row * in, in, &input->gate_rows, &input->weights->W_x_backward, accumulate);
    }
}

void dense_input_weight_gradient(struct dense_input *input, const float *x, const struct gradient_sums *sums,
                                 size_t offset, const struct position_panels *dgates, bool accumulate)
{
    const struct panels *piece = &dgates->panels[0];
    size_t in = input->weights->input_width;
    struct position_values values =
        gradient_sums_values(sums, position_values_dense(x, piece->source.depth * dgates->pieces, in));
    position_panels_pack(&input->x_columns, &values);
    gradient_sums_product(sums, offset, &input->x_columns, dgates, accumulate);
}
