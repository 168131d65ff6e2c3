#ifndef LSTM_MPI_TEXT_BATCHES_H
#define LSTM_MPI_TEXT_BATCHES_H

/* From the ids of N tokens to batches of B rows and T steps, from an offset o of the epoch on:
 *
 *     sequential  n = floor((N - o - 1) / B); row r reads on from token o + r·n, T tokens an update,
 *                 floor(n / T) updates; the state is carried from update to update
 *     random      floor((N - o - 1) / T) subsequences from o on, shuffled; update j takes those from j·B
 *                 on, the last incomplete batch is dropped; the state is zero at every update
 *
 * Targets are one token further. A process asks for some consecutive rows of each batch and needs the ids of
 * those alone. Which rows: `first_row` and `row_count`. What is drawn depends on seed and epoch, never on
 * the rows. */

#include "lstm_mpi/base/error.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/text/token_ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sampling { SAMPLING_SEQUENTIAL, SAMPLING_RANDOM, SAMPLING_COUNT };

/* By enum sampling, as in --sampling NAME; a NULL behind the last. */
extern const char *const sampling_names[SAMPLING_COUNT + 1];

struct batches_spec {
    size_t tokens;     /* N */
    size_t batch_size; /* B, at least 1 */
    size_t num_steps;  /* T, at least 1 */
    enum sampling sampling;
    bool offset_is_random; /* drawn anew every epoch: 0 to T (sequential), 0 to T - 1 (random) */
    size_t start_offset;   /* where it is not random */
    uint64_t seed;
    size_t first_row;
    size_t row_count; /* first_row + row_count is at most B */
};

/* The rows [first_row, first_row + rows) of one update, time-major: row r at step t is [t · rows + r]. Views
 * that the next call of batches_next overwrites. */
struct batch {
    const uint32_t *inputs;  /* [steps][rows] */
    const uint32_t *targets; /* [steps][rows] */
    size_t rows;
    size_t steps;
    size_t first_row;
    bool state_starts_at_zero;
};

/* The largest offset that an epoch can have. */
size_t batches_largest_offset(const struct batches_spec *spec);

/* The least N that has an update at every offset: B·T + 1 behind the largest one; SIZE_MAX where that is
 * beyond all numbers. */
size_t batches_needed_tokens(const struct batches_spec *spec);

/* Fails, saying how many tokens there are and how many are needed, where there are too few. */
MUST_CHECK enum status batches_check(const struct batches_spec *spec, struct error *error);

/* The offset of an epoch. */
size_t batches_offset(const struct batches_spec *spec, uint64_t epoch);

/* How many updates an epoch with this offset has. */
size_t batches_updates_at(const struct batches_spec *spec, size_t offset);

/* The tokens that these rows can touch, whatever the offset, for a spec that batches_check accepts. */
struct range batches_token_range(const struct batches_spec *spec);

struct batches;

/* Allocates all that is ever needed. `ids` are those of batches_token_range, its first token at index 0; they
 * stay the caller's and must outlive the batches. */
MUST_CHECK enum status batches_create(struct batches **out, const struct batches_spec *spec,
                                      struct token_ids ids, struct error *error);
void batches_destroy(struct batches *batches);

/* Begins an epoch at its update `first_update` (0: at its beginning). Cannot fail. */
void batches_start_epoch(struct batches *batches, uint64_t epoch, size_t first_update);

/* Of the epoch under way. */
size_t batches_start_offset(const struct batches *batches);
size_t batches_updates(const struct batches *batches);

/* Fills `*batch`; false, with nothing filled, after the last update of the epoch. Cannot fail. */
bool batches_next(struct batches *batches, struct batch *batch);

#endif
