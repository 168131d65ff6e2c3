#ifndef LSTM_MPI_TRAIN_EVALUATION_H
#define LSTM_MPI_TRAIN_EVALUATION_H

/* How likely the model finds a text: the mean cross-entropy of all its tokens but the first, which nothing
 * predicts. The text is cut into B rows of nearly equal length, each read from a zero state to its end in
 * windows of T steps; the rows are dealt out to the ranks. What a row sums up to does not depend on the rank
 * that holds it, and the rows are added in their order, so the ranks' number does not matter.
 *
 *     tokens   | x0 x1 x2 x3 x4 x5 x6 x7 |        B = 2 rows of N = 8 tokens
 *     row 0      x0→ x1→ x2→ x3→ x4               (inputs; the arrows are what is predicted)
 *     row 1                      x4→ x5→ x6→ x7
 */

#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/model/model.h"
#include "lstm_mpi/text/token_ids.h"

struct evaluation_spec {
    size_t tokens;      /* N, at least 2 */
    size_t batch_size;  /* B, over all ranks */
    struct range rows;  /* of this rank */
    size_t num_steps;   /* T */
    bool bidirectional; /* the model sees in a window what comes after: it must end where its row ends */
};

/* The text, which need not be in memory: writes the ids of some consecutive tokens, which row `row` of this
 * rank's reads. A row reads on from where it was. */
struct evaluation_text {
    enum status (*read)(void *context, size_t row, struct range tokens, uint32_t *ids, struct error *error);
    void *context;
};

struct evaluation {
    struct evaluation_spec spec;
    uint32_t *tokens;   /* [T + 1], of one row */
    uint32_t *inputs;   /* [T, rows] */
    uint32_t *targets;  /* [T, rows] */
    double *losses;     /* [T, rows] */
    double *row_losses; /* [B] */
};

/* The tokens that these rows read, their targets included. */
struct range evaluation_tokens(const struct evaluation_spec *spec);

MUST_CHECK enum status evaluation_create(struct evaluation *evaluation, const struct evaluation_spec *spec,
                                         struct error *error);
void evaluation_free(struct evaluation *evaluation);

/* The mean loss, in nats, the same bits on every rank. `model` has this rank's rows and T steps; its carried
 * state is used up. Fails, on every rank, where the text does. Collective. */
MUST_CHECK enum status evaluation_run(struct evaluation *evaluation, const struct comm *comm,
                                      struct model *model, const struct evaluation_text *text,
                                      double *mean_loss, struct error *error);

/* A text in memory, `ids` those of the tokens from `first` on: the context of evaluation_memory_read. */
struct evaluation_memory {
    struct token_ids ids;
    size_t first;
};
MUST_CHECK enum status evaluation_memory_read(void *memory, size_t row, struct range tokens, uint32_t *ids,
                                              struct error *error);

#endif
