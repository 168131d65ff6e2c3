#ifndef LSTM_MPI_TRAIN_EVALUATE_H
#define LSTM_MPI_TRAIN_EVALUATE_H

/* How likely a trained model finds a text of any length: memory does not grow with it. Texts are those of
 * lstm_mpi/text/corpus.h; tokens that the vocabulary lacks are <unk>. What is measured has the same bits for
 * every number of ranks. */

#include "lstm_mpi/dist/comm.h"
#include "lstm_mpi/model/model_spec.h"
#include "lstm_mpi/text/vocabulary.h"

struct evaluate_spec {
    const struct model_spec *model;
    const float *weights; /* laid out by parameters_layout */
    const struct vocabulary *vocabulary;
    const char *const *paths; /* of the text; none (path_count 0): the built-in one */
    size_t path_count;
    uint64_t max_tokens; /* of the text, from its start; 0: all */
    size_t batch_size;   /* rows over all ranks, at least one each */
    size_t num_steps;
};

struct evaluate_result {
    uint64_t tokens;   /* of the text */
    uint64_t foretold; /* those that the model was asked for */
    uint64_t unknown;  /* of these, those that the vocabulary lacks; newlines that were put in do not count */
    uint64_t characters; /* that these consist of */
    double loss;         /* the sum of their cross-entropies, in nats */
};

/* The text is cut into rows of nearly equal length, each read from a zero state to its end; its first token
 * is not foretold. Fails on every rank alike: a text that cannot be read or is no UTF-8, one of fewer than 2
 * tokens, more ranks than rows. Collective. */
MUST_CHECK enum status evaluate_text(struct evaluate_result *result, const struct comm *comm,
                                     const struct evaluate_spec *spec, struct error *error);

/* Told, on rank 0, the log-probabilities (natural) of the next `count` lines. `*go_on` is true; false: it
 * wants no more of them. */
typedef enum status evaluate_lines_sink(void *context, const double *log_probabilities, size_t count,
                                        bool *go_on, struct error *error);

/* Every line by itself: from a zero state and behind a newline, so that its first token is foretold too, and
 * to its own newline, which counts. The last line counts as if it had one. No limit of tokens. Where
 * `sink` wants no more, the result is that of the lines so far. Fails as evaluate_text does, and where `sink`
 * does. Collective. */
MUST_CHECK enum status evaluate_lines(struct evaluate_result *result, const struct comm *comm,
                                      const struct evaluate_spec *spec, evaluate_lines_sink *sink,
                                      void *context, struct error *error);

#endif
