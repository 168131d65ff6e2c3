/* Where a batch lies in the text. Sequential, B = 3 rows, T = 2 steps, offset o:
 *
 *     o                   o + n               o + 2n              o + 3n
 *     | row 0             | row 1             | row 2             |
 *     | u0 | u1 | u2 |tail| u0 | u1 | u2 |tail| u0 | u1 | u2 |tail| the last target
 *
 * Update u takes the T inputs under u of every row. Random: subsequences of T inputs each, without rows,
 *
 *     o
 *     | 0  | 1  | 2  | 3  | 4  | 5  | 6  | 7  | 8  |tail| the last target
 *
 * of which row k of update u takes the number that a shuffle puts at place u·B + k. Where that is depends on
 * the place alone, so no rank holds the order of all: "swap or not" (Hoang, Morris, Rogaway, "An enciphering
 * scheme based on a card shuffle", CRYPTO 2012). A round has a random K; it swaps x and K - x modulo n, for
 * each such pair by the flip of a coin. */

#include "batches_private.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "lstm_mpi/base/random.h"
#include "lstm_mpi/base/smaller.h"

#include <assert.h>

const char *const sampling_names[SAMPLING_COUNT + 1] = {
    [SAMPLING_SEQUENTIAL] = "sequential",
    [SAMPLING_RANDOM] = "random",
};

/* Of the shuffle. Each halves what is left of the order before it; a few dozen leave nothing that could be
 * seen. */
enum { SHUFFLE_ROUNDS = 64 };

struct batches {
    struct batches_spec spec;
    struct token_ids ids;
    size_t first_token; /* that of ids in the text */
    uint32_t *row;      /* [T + 1] */
    uint32_t *inputs;   /* [T][rows] */
    uint32_t *targets;  /* [T][rows] */

    size_t offset; /* of the epoch under way, like the rest */
    size_t updates;
    uint64_t shuffle_stream;
    uint64_t shuffle_keys[SHUFFLE_ROUNDS]; /* below the number of subsequences */
    size_t next_update;
};

static size_t plus(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

static size_t times(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static size_t least_offset(const struct batches_spec *spec)
{
    return spec->offset_is_random ? 0 : spec->start_offset;
}

size_t batches_largest_offset(const struct batches_spec *spec)
{
    if (!spec->offset_is_random)
        return spec->start_offset;
    return spec->sampling == SAMPLING_SEQUENTIAL ? spec->num_steps : spec->num_steps - 1;
}

size_t batches_needed_tokens(const struct batches_spec *spec)
{
    size_t targets = times(spec->batch_size, spec->num_steps);
    return plus(plus(targets, 1), batches_largest_offset(spec));
}

enum status batches_check(const struct batches_spec *spec, struct error *error)
{
    size_t needed = batches_needed_tokens(spec);
    if (spec->tokens >= needed && needed < SIZE_MAX)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "the corpus is too short");
    error_why(error,
              "it has %zu token%s and %zu are needed: batch-size %zu · num-steps %zu + 1 after offset %zu",
              spec->tokens, plural(spec->tokens), needed, spec->batch_size, spec->num_steps,
              batches_largest_offset(spec));
    return error_remedy(error,
                        "use a longer text, a larger max-tokens, or a smaller %sbatch-size or num-steps",
                        least_offset(spec) > 0 ? "start-offset, " : "");
}

size_t batches_offset(const struct batches_spec *spec, uint64_t epoch)
{
    if (!spec->offset_is_random)
        return spec->start_offset;
    uint64_t offsets = (uint64_t)batches_largest_offset(spec) + 1;
    return random_below(spec->seed, random_stream(RANDOM_START_OFFSET, epoch), 0, offsets);
}

/* Inputs that have a target, from an offset on. */
static size_t pairs_at(const struct batches_spec *spec, size_t offset)
{
    return spec->tokens > offset ? spec->tokens - offset - 1 : 0;
}

static size_t row_length_at(const struct batches_spec *spec, size_t offset)
{
    return pairs_at(spec, offset) / spec->batch_size;
}

static size_t subsequences_at(const struct batches_spec *spec, size_t offset)
{
    return pairs_at(spec, offset) / spec->num_steps;
}

size_t batches_updates_at(const struct batches_spec *spec, size_t offset)
{
    if (spec->sampling == SAMPLING_SEQUENTIAL)
        return row_length_at(spec, offset) / spec->num_steps;
    return subsequences_at(spec, offset) / spec->batch_size;
}

struct range batches_token_range(const struct batches_spec *spec)
{
    size_t least = least_offset(spec);
    size_t largest = batches_largest_offset(spec);
    if (spec->sampling == SAMPLING_RANDOM)
        return (struct range){.first = least, .count = spec->tokens - least};
    if (spec->row_count == 0)
        return (struct range){0};
    /* Rows are longest at the least offset and shortest at the largest. */
    size_t first = plus(least, times(spec->first_row, row_length_at(spec, largest)));
    size_t last_target = plus(largest, times(spec->first_row + spec->row_count, row_length_at(spec, least)));
    return (struct range){.first = first, .count = smaller(plus(last_target, 1), spec->tokens) - first};
}

enum status batches_create(struct batches **out, const struct batches_spec *spec, struct token_ids ids,
                           struct error *error)
{
    *out = NULL;
    struct batches *batches = NULL;
    enum status status;
    assert(spec->row_count <= spec->batch_size && spec->first_row <= spec->batch_size - spec->row_count);
    TRY(batches_check(spec, error));
    TRY(memory_new(&batches, 1, error));
    batches->spec = *spec;
    batches->ids = ids;
    batches->first_token = batches_token_range(spec).first;
    /* At most B·T, which the check has compared with N. */
    size_t places = spec->num_steps * spec->row_count;
    TRY(memory_new(&batches->row, spec->num_steps + 1, error));
    TRY(memory_new(&batches->inputs, places, error));
    TRY(memory_new(&batches->targets, places, error));
    *out = batches;
    batches = NULL;
done:
    batches_destroy(batches);
    return status;
}

void batches_destroy(struct batches *batches)
{
    if (!batches)
        return;
    memory_free(batches->row);
    memory_free(batches->inputs);
    memory_free(batches->targets);
    memory_free(batches);
}

static void start_shuffle(struct batches *batches, uint64_t epoch)
{
    const struct batches_spec *spec = &batches->spec;
    size_t count = subsequences_at(spec, batches->offset);
    batches->shuffle_stream = random_stream(RANDOM_SHUFFLE, epoch);
    for (uint64_t round = 0; count > 0 && round < SHUFFLE_ROUNDS; round++) {
        uint64_t stream = random_stream(RANDOM_SHUFFLE_KEY, epoch);
        batches->shuffle_keys[round] = random_below(spec->seed, stream, round, count);
    }
}

size_t batches_shuffled(const struct batches *batches, size_t place)
{
    const struct batches_spec *spec = &batches->spec;
    size_t count = subsequences_at(spec, batches->offset);
    for (uint64_t round = 0; round < SHUFFLE_ROUNDS; round++) {
        uint64_t key = batches->shuffle_keys[round];
        size_t partner = key >= place ? key - place : key + (count - place);
        uint64_t pair = partner > place ? partner : place;
        if (random_bits(spec->seed, batches->shuffle_stream, pair * SHUFFLE_ROUNDS + round) & 1)
            place = partner;
    }
    return place;
}

void batches_start_epoch(struct batches *batches, uint64_t epoch, size_t first_update)
{
    const struct batches_spec *spec = &batches->spec;
    batches->offset = batches_offset(spec, epoch);
    batches->updates = batches_updates_at(spec, batches->offset);
    batches->next_update = first_update;
    if (spec->sampling == SAMPLING_RANDOM)
        start_shuffle(batches, epoch);
}

size_t batches_start_offset(const struct batches *batches)
{
    return batches->offset;
}

size_t batches_updates(const struct batches *batches)
{
    return batches->updates;
}

/* Where the inputs of a row of an update begin in the text. */
static size_t first_input(const struct batches *batches, size_t update, size_t row)
{
    const struct batches_spec *spec = &batches->spec;
    if (spec->sampling == SAMPLING_RANDOM)
        return batches->offset + batches_shuffled(batches, update * spec->batch_size + row) * spec->num_steps;
    return batches->offset + row * row_length_at(spec, batches->offset) + update * spec->num_steps;
}

bool batches_next(struct batches *batches, struct batch *batch)
{
    const struct batches_spec *spec = &batches->spec;
    if (batches->next_update >= batches->updates)
        return false;
    size_t update = batches->next_update++;
    size_t rows = spec->row_count;
    for (size_t row = 0; row < rows; row++) {
        size_t first = first_input(batches, update, spec->first_row + row) - batches->first_token;
        token_ids_read(token_ids_from(batches->ids, first), spec->num_steps + 1, batches->row);
        for (size_t t = 0; t < spec->num_steps; t++) {
            batches->inputs[t * rows + row] = batches->row[t];
            batches->targets[t * rows + row] = batches->row[t + 1];
        }
    }
    *batch = (struct batch){
        .inputs = batches->inputs,
        .targets = batches->targets,
        .rows = rows,
        .steps = spec->num_steps,
        .first_row = spec->first_row,
        .state_starts_at_zero = spec->sampling == SAMPLING_RANDOM || update == 0,
    };
    return true;
}
