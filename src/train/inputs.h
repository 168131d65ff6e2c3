#ifndef LSTM_MPI_TRAIN_INPUTS_H
#define LSTM_MPI_TRAIN_INPUTS_H

/* The text of a run as each rank needs it. */

#include "evaluation.h"
#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/dist/comm_shared.h"
#include "lstm_mpi/text/batches.h"
#include "lstm_mpi/text/corpus.h"
#include "lstm_mpi/text/vocabulary.h"
#include "lstm_mpi/train/trainer.h"

struct inputs {
    uint64_t corpus_tokens; /* of the whole corpus */
    uint64_t corpus_digest;
    struct vocabulary *vocabulary; /* the same on every rank; owned unless it was given */
    bool owns_vocabulary;
    struct batches_spec spec;        /* of this rank's rows */
    struct token_ids ids;            /* the tokens of batches_token_range(&spec) */
    struct evaluation_spec held_out; /* the rows of the held-out part; no tokens: nothing is held out */
    struct token_ids held_out_ids;   /* the tokens of evaluation_tokens(&held_out) */
    struct comm_shared *shared; /* what `ids` lie in when the ranks of a node share one copy; else NULL */
};

/* Reads the corpus that the settings name: every rank counts the tokens of its share of the blocks; with the
 * sums of all, each makes the same vocabulary (`vocabulary`, when not NULL, is taken instead) and reads the
 * tokens of its own rows, and of those of the held-out part. With random sampling the ranks of a node share
 * one copy of all tokens. The observer is told how far this rank is. Fails on every rank alike: a corpus that
 * cannot be read or is no UTF-8, one too short, a held-out part too short, more ranks than rows.
 * STATUS_STOPPED: a signal asked for it. Collective. */
MUST_CHECK enum status inputs_read(struct inputs *inputs, const struct comm *comm,
                                   const struct settings *settings, struct vocabulary *vocabulary,
                                   const struct trainer_observer *observer, struct error *error);

/* The parts of it that whoever reads a text in other ways takes too: */

/* Every rank has a row. Fails on every rank alike. Not collective. */
MUST_CHECK enum status inputs_check_ranks(const struct comm *comm, uint64_t batch_size, struct error *error);

/* Ranks that see other files must not add up blocks of other numbers. Files of the same sizes with other
 * bytes are found by the blocks' digests. Collective. */
MUST_CHECK enum status inputs_check_same_sizes(const struct corpus *corpus, const struct comm *comm,
                                               struct error *error);

/* Frees what the inputs hold. Collective among the ranks of a node. */
void inputs_free(struct inputs *inputs);

#endif
