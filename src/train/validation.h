#ifndef LSTM_MPI_TRAIN_VALIDATION_H
#define LSTM_MPI_TRAIN_VALIDATION_H

/* What becomes of a run by its perplexity of the held-out part of the text, taken once every log interval. */

#include "evaluation.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "lstm_mpi/store/snapshot.h"
#include "update.h"

struct validation {
    struct evaluation evaluation; /* of no tokens where nothing is held out; then all else is empty */
    struct update *update;
    struct evaluation_memory text;
    float *carried; /* the state of training while the model reads other text */
    struct comm_shared *shared_best;
    float *best; /* the best weights and their optimizer's states, one copy a node; NULL: not kept */
};

/* Over `ids`, those of evaluation_tokens(spec), with the network of `update`; both must outlive it. With
 * `keeps_best` it holds the best weights, to put them back. Collective. */
MUST_CHECK enum status validation_create(struct validation *validation, const struct evaluation_spec *spec,
                                         struct token_ids ids, struct update *update, bool keeps_best,
                                         struct error *error);
void validation_free(struct validation *validation);

/* The best weights (0) and optimizer's states (from 1), as they lie in the update; NULL where none are. */
float *validation_best(const struct validation *validation, size_t i);

/* Bytes that the ranks of a node hold once. */
size_t validation_node_bytes(const struct validation *validation);

/* The perplexity of the held-out part, the same bits on every rank. Collective. */
MUST_CHECK enum status validation_run(struct validation *validation, double *perplexity, struct error *error);

/* Counts it in as one log interval's. Where it is not better than the best so far, and best weights are kept,
 * the rate is multiplied by `plateau`, and the best weights are put back, with the optimizer's states that
 * were theirs. Collective. */
MUST_CHECK enum status validation_judge(struct validation *validation, double perplexity, double plateau,
                                        struct progress *progress, bool *better, struct error *error);

#endif
