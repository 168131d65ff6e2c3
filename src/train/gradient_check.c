/* A single number of a float32 gradient cannot be told from rounding errors of the loss where the tensor is
 * large; all of its numbers together can. So the weights move along directions in which every number of a
 * tensor takes part, d of them at once, and the slope of the loss is compared with Σ d·g.
 *
 * 1. Along the gradient itself: a gradient of the wrong size shows in full.
 * 2. Along random signs: Σ d·e of an error e is about as large as |e|, wherever in the tensor it is, and that
 *    of the gradient about as large as |g|. A few of them leave little to chance.
 *
 * Each block of columns that belongs to a gate has directions of its own, lest a small one hides behind a
 * large one. A difference is relative to the norm of the block's gradient. */

#include "gradient_check.h"

#include "central_difference.h"
#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/linalg/vector.h"
#include "lstm_mpi/model/cell.h"

#include <math.h>

/* A gradient that is wrong by a hundredth must be found. A difference is an error from `tolerance` on, and
 * four times what the central difference may be off; it says nothing where these together may reach a
 * hundredth. */
static const double tolerance = 2e-3;
static const double most_unsure = 0.75;

/* Steps of all weights that are too small for the loss to change by more than its rounding, but for its
 * slope; and how many show that. */
static const double tiny_step = 5e-7;
enum { TINY_STEPS = 16 };

/* How far a pre-activation or a logit moves at first, about. With much more a cell saturates, and differences
 * agree with each other that are all wrong. */
static const double first_move = 0.5;

enum { MOST_DIRECTIONS = 6, SIGNS_PER_DRAW = 64, FIRST_STREAM = 16, USUAL_LOSSES = 8, NOISE_FACTOR = 3 };

/* Floats that are packed, at most, in all losses of random directions together: a minute or two. */
static const double most_floats = 4e10;

/* The columns of one gate, or all of a tensor without gates. */
struct block {
    const struct parameter *parameter;
    size_t number;
    size_t rows;
    size_t row_floats;
    struct range columns;
    double norm; /* of the gradient */
};

struct direction {
    const struct gradient_check *check;
    const struct block *block;
    bool along_gradient; /* else random signs, of this stream: */
    uint64_t stream;
};

static size_t blocks_of(const struct gradient_check *check, const struct parameter *parameter)
{
    return parameter->gates ? check->update->spec.model.cell->gates : 1;
}

static size_t place_of_row(const struct block *block, size_t row)
{
    return block->parameter->offset + row * block->row_floats + block->columns.first;
}

/* Part `number` of `parts` of the columns. */
static struct block columns_of(const struct gradient_check *check, const struct parameter *parameter,
                               size_t number, size_t parts)
{
    bool matrix = parameter->dim_count == 2;
    struct block block = {
        .parameter = parameter,
        .number = number,
        .rows = matrix ? parameter->dims[0] : 1,
        .row_floats = parameter->dims[matrix ? 1 : 0],
    };
    block.columns = partition_range(block.row_floats, parts, number);
    double squares = 0;
    for (size_t row = 0; row < block.rows; row++)
        squares += vector_sum_of_squares(block.columns.count, check->gradients + place_of_row(&block, row));
    block.norm = sqrt(squares);
    return block;
}

/* Of random signs, each for one direction. */
static uint64_t next_streams(struct gradient_check *check, size_t count)
{
    uint64_t first = random_stream(RANDOM_CHECK, check->stream);
    check->stream += count;
    return first;
}

/* The length of the first step, for directions whose every number is about 1 or that have length 1. How many
 * numbers of the tensor move one pre-activation or logit: a token selects one row of W_x or of the embedding.
 */
static double first_step(const struct direction *direction)
{
    const struct parameter *parameter = direction->block->parameter;
    const struct parameters *parameters = &direction->check->update->parameters;
    bool selected = parameter->offset >= parameters->dense_size;
    size_t together = parameter->kind == PARAMETER_EMBEDDING  ? parameter->dims[1]
                      : parameter->dim_count == 1 || selected ? 1
                                                              : parameter->dims[0];
    return first_move / sqrt((double)together);
}

/* Leaves a row of the direction in check->direction. */
static const float *direction_row(const struct direction *direction, size_t row)
{
    const struct gradient_check *check = direction->check;
    const struct block *block = direction->block;
    float *out = check->direction;
    size_t columns = block->columns.count;
    if (direction->along_gradient) {
        const float *gradients = check->gradients + place_of_row(block, row);
        for (size_t column = 0; column < columns; column++)
            out[column] = (float)((double)gradients[column] / block->norm);
        return out;
    }
    size_t draws = divide_up(columns, SIGNS_PER_DRAW);
    for (size_t draw = 0; draw < draws; draw++) {
        uint64_t bits = random_bits(check->batch->seed, direction->stream, row * draws + draw);
        size_t end = smaller((draw + 1) * SIGNS_PER_DRAW, columns);
        for (size_t column = draw * SIGNS_PER_DRAW; column < end; column++, bits >>= 1)
            out[column] = bits & 1 ? 1 : -1;
    }
    return out;
}

/* The slope that the gradient promises. */
static double promised_slope(const struct direction *direction)
{
    const struct block *block = direction->block;
    double slope = 0;
    for (size_t row = 0; row < block->rows; row++) {
        const float *numbers = direction_row(direction, row);
        const float *gradients = direction->check->gradients + place_of_row(block, row);
        for (size_t column = 0; column < block->columns.count; column++)
            slope += (double)numbers[column] * (double)gradients[column];
    }
    return slope;
}

/* The ranks of a node write the weights that they share, each some rows of the tensor. */
static void move_weights(const struct direction *direction, double step)
{
    const struct gradient_check *check = direction->check;
    const struct block *block = direction->block;
    const struct comm *comm = check->update->comm;
    struct range mine = partition_range(block->rows, (size_t)comm->node_size, (size_t)comm->node_rank);
    for (size_t row = mine.first; row < mine.first + mine.count; row++) {
        const float *numbers = direction_row(direction, row);
        const float *from = check->weights + place_of_row(block, row);
        float *to = check->update->weights + place_of_row(block, row);
        for (size_t column = 0; column < block->columns.count; column++)
            to[column] = (float)((double)from[column] + step * (double)numbers[column]);
    }
}

static enum status mean_loss(const struct gradient_check *check, double *loss, struct error *error)
{
    const struct update *update = check->update;
    const struct batch *batch = &check->batch->batch;
    struct model_batch model_batch = update_model_batch(update, batch);
    random_batch_begin(check->batch, update->model);
    model_batch_losses(update->model, &model_batch, check->losses);
    *loss = 0;
    for (size_t i = 0; i < batch->rows * batch->steps; i++)
        *loss += check->losses[i];
    comm_rest(update->comm);
    enum status status = comm_sum_f64(update->comm, loss, 1, error);
    *loss /= (double)(update->spec.batch_size * update->spec.num_steps);
    return status;
}

static enum status loss_at(void *context, double step, double *loss, struct error *error)
{
    const struct direction *direction = context;
    move_weights(direction, step);
    enum status status = update_load_weights(direction->check->update, error);
    return status == STATUS_OK ? mean_loss(direction->check, loss, error) : status;
}

/* Everywhere, since what happens in the first layers of a deep network may hardly show in the loss. */
static enum status loss_nearby(const struct gradient_check *check, uint64_t stream, double step, double *loss,
                               struct error *error)
{
    const struct parameters *parameters = &check->update->parameters;
    for (size_t i = 0; i < parameters->count; i++) {
        struct block block = columns_of(check, &parameters->table[i], 0, 1);
        struct direction direction = {.check = check, .block = &block, .stream = stream + i};
        move_weights(&direction, step);
    }
    enum status status = update_load_weights(check->update, error);
    return status == STATUS_OK ? mean_loss(check, loss, error) : status;
}

/* The rounding errors of the loss: what is left of it where slope and curvature have no part. */
static enum status measure_noise(struct gradient_check *check, struct error *error)
{
    enum status status = STATUS_OK;
    double squares = 0;
    for (size_t i = 0; i < TINY_STEPS; i++) {
        uint64_t stream = next_streams(check, check->update->parameters.count);
        double above;
        double below;
        double middle;
        TRY(loss_nearby(check, stream, tiny_step, &above, error));
        TRY(loss_nearby(check, stream, -tiny_step, &below, error));
        TRY(loss_nearby(check, stream, 0, &middle, error));
        squares += (above + below - 2 * middle) * (above + below - 2 * middle);
    }
    check->noise = sqrt(squares / (6 * TINY_STEPS));
done:
    return status;
}

/* What one direction says. */
struct look {
    bool is_wrong;
    bool is_unsure;
    double difference;
};

static enum status look_along(struct look *look, struct direction *direction, double first,
                              struct error *error)
{
    const struct gradient_check *check = direction->check;
    double norm = direction->block->norm;
    struct central_difference slope;
    struct central_difference_spec difference = {
        .function = loss_at,
        .context = direction,
        .first_step = first,
        .noise = NOISE_FACTOR * check->noise,
        .wanted_error = tolerance * norm / 16,
    };
    enum status status = central_difference(&slope, &difference, error);
    if (status != STATUS_OK)
        return status;
    double size = fmax(norm, fabs(slope.value));
    double off = fabs(slope.value - promised_slope(direction));
    look->is_wrong = !(off <= tolerance * size + 4 * slope.error);
    look->is_unsure = !look->is_wrong && slope.error > most_unsure * tolerance * size;
    look->difference = off / size;
    return STATUS_OK;
}

/* Where the loss bends much within the first step, its differences may agree with each other and yet be a
 * little wrong: a gradient that seems to be is looked at once more, from nearer by. */
static enum status check_direction(struct direction *direction, struct gradient_finding *finding,
                                   struct error *error)
{
    enum status status;
    struct look look;
    double first = first_step(direction);
    TRY(look_along(&look, direction, first, error));
    if (look.is_wrong)
        TRY(look_along(&look, direction, first / 4, error));
    if (look.is_unsure) {
        finding->left_open = true;
        goto done;
    }
    finding->wrong = finding->wrong || look.is_wrong;
    finding->blocks_told |= UINT64_C(1) << direction->block->number;
    finding->tensor.directions++;
    finding->tensor.difference = fmax(finding->tensor.difference, look.difference);
done:
    return status;
}

static enum status check_block(struct gradient_check *check, const struct block *block,
                               struct gradient_finding *finding, struct error *error)
{
    enum status status = STATUS_OK;
    struct direction direction = {.check = check, .block = block, .along_gradient = true};
    if (block->norm > 0)
        TRY(check_direction(&direction, finding, error));
    direction.along_gradient = false;
    for (size_t i = 0; i < check->random_directions; i++) {
        direction.stream = next_streams(check, 1);
        TRY(check_direction(&direction, finding, error));
    }
    move_weights(&direction, 0);
done:
    return status;
}

static enum check_verdict verdict(const struct gradient_finding *finding, size_t blocks)
{
    if (finding->wrong)
        return CHECK_WRONG;
    if (finding->blocks_told == 0)
        return CHECK_TOO_SMALL;
    return finding->blocks_told == (UINT64_C(1) << blocks) - 1 ? CHECK_RIGHT : CHECK_RIGHT_IN_PART;
}

enum status gradient_check_tensor(struct gradient_check *check, size_t number,
                                  struct gradient_finding *finding, struct error *error)
{
    enum status status = STATUS_OK;
    const struct parameter *parameter = &check->update->parameters.table[number];
    size_t blocks = blocks_of(check, parameter);
    finding->left_open = false;
    for (size_t i = 0; i < blocks; i++) {
        struct block block = columns_of(check, parameter, i, blocks);
        TRY(check_block(check, &block, finding, error));
    }
    finding->tensor.verdict = verdict(finding, blocks);
done:
    return status;
}

static enum status create_own(struct gradient_check *check, struct error *error)
{
    enum status status;
    const struct parameters *parameters = &check->update->parameters;
    size_t longest = 0;
    size_t blocks = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->table[i];
        longest = larger(longest, parameter->dims[parameter->dim_count - 1]);
        blocks += blocks_of(check, parameter);
    }
    double affordable = most_floats / ((double)parameters->size * (double)(blocks * USUAL_LOSSES));
    check->random_directions = (size_t)fmax(1, fmin(affordable, MOST_DIRECTIONS));
    TRY(memory_new(&check->direction, longest, error));
    TRY(memory_new(&check->losses, check->batch->batch.rows * check->batch->batch.steps, error));
done:
    return status;
}

/* An update with a rate of 0 leaves the weights alone, and the gradients, summed over all ranks, in what
 * momentum remembers. */
static enum status make_gradients(struct gradient_check *check, struct error *error)
{
    enum status status;
    struct update *update = check->update;
    struct totals totals = {0};
    random_batch_begin(check->batch, update->model);
    TRY(update_run(update, &check->batch->batch, 0, &totals, error));
    update->number = 0; /* the masks of dropout stay those */
    check->gradients = update->states[0];
    if (!update_is_finite(update, &totals)) {
        error_set(error, STATUS_FAILED, "the loss or the gradient of a batch of random tokens");
        error_why(error, "it is not finite");
        TRY(error_remedy(error, "look at the weights with inspect, or at the newest change of the code"));
    }
done:
    return status;
}

enum status gradient_check_create(struct gradient_check *check, struct update *update,
                                  const struct random_batch *batch, const float *weights, struct error *error)
{
    enum status status;
    *check =
        (struct gradient_check){.update = update, .batch = batch, .weights = weights, .stream = FIRST_STREAM};
    TRY(agree_on_status(update->comm, create_own(check, error), error));
    TRY(make_gradients(check, error));
    TRY(measure_noise(check, error));
done:
    return status;
}

void gradient_check_free(struct gradient_check *check)
{
    memory_free(check->direction);
    memory_free(check->losses);
    *check = (struct gradient_check){0};
}
