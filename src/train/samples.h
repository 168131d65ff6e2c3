#ifndef LSTM_MPI_TRAIN_SAMPLES_H
#define LSTM_MPI_TRAIN_SAMPLES_H

/* What the model makes of a few prefixes, before and after training. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/generate/generator.h"
#include "lstm_mpi/generate/prefix.h"
#include "lstm_mpi/train/trainer.h"

struct samples {
    const struct vocabulary *vocabulary;
    size_t length;
    struct generator *generator; /* NULL: no samples are wanted */
    struct prefix *prefixes;
    size_t prefix_count;
    char *text;
    size_t text_capacity;
};

/* Prefixes that the user gave are warned of where the vocabulary lacks their characters; default ones are
 * left out. Settings, weights and vocabulary must outlive the samples. */
MUST_CHECK enum status samples_create(struct samples *samples, const struct settings *settings,
                                      const struct model_spec *spec, const float *weights,
                                      const struct vocabulary *vocabulary, struct error *error);
void samples_free(struct samples *samples);

/* Greedy samples of the weights as they are now, each told to the observer: the prefix as it was given, and
 * what follows. For the watch each token is a part of what the ranks of `comm` are at. Not collective. */
MUST_CHECK enum status samples_show(struct samples *samples, const struct comm *comm,
                                    const struct trainer_observer *observer, struct error *error);

#endif
