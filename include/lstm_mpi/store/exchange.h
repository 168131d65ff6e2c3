#ifndef LSTM_MPI_STORE_EXCHANGE_H
#define LSTM_MPI_STORE_EXCHANGE_H

/* A model as a safetensors file that PyTorch's load_state_dict takes, and back. The tensors have the names,
 * the shapes and the order of gates of a module with
 *
 *     rnn = nn.LSTM(…), nn.GRU(…) or nn.RNN(…);  linear = nn.Linear(…);  embedding = nn.Embedding(…), if any
 *
 * and the vocabulary and the settings go along in the metadata. There and back again gives the same model and
 * vocabulary, bit for bit. */

#include "lstm_mpi/store/checkpoint.h"

#include <stdbool.h>

/* Writes the model of a checkpoint to `path`; the file appears whole or not at all, in place of a former one.
 * Needs memory for the largest tensor. Fails on a network that PyTorch has no module for. Not collective. */
MUST_CHECK enum status exchange_write(const char *path, const struct checkpoint *checkpoint,
                                      const struct vocabulary *vocabulary, struct error *error);

/* A model out of a safetensors file, ready to be written as a checkpoint. It owns all that it holds. */
struct exchange_model {
    const char *cell_module;  /* "nn.LSTM"; a view of a constant */
    struct settings settings; /* those of the file, else the defaults; the model's shape as the tensors say */
    struct vocabulary *vocabulary;
    struct tensor *tensors;
    size_t tensor_count;
    float *weights;
};

/* Whether exchange_write may take the place of what is at this path without being told so: of nothing, an
 * empty file, or a file of its kind. Not collective. */
bool exchange_may_replace(const char *path);

/* Reads a file that exchange_write or another program made. The vocabulary is that of
 * `vocabulary_from`, which is not taken over; NULL: that of the file, which must have one then. Fails on a
 * file that is not whole, or not such a model, saying what is wrong. Not collective. */
MUST_CHECK enum status exchange_read(struct exchange_model *model, const char *path,
                                     const struct checkpoint *vocabulary_from, struct error *error);

void exchange_model_free(struct exchange_model *model);

#endif
