#ifndef LSTM_MPI_CONFIG_SETTINGS_SPECS_H
#define LSTM_MPI_CONFIG_SETTINGS_SPECS_H

/* From settings to what the rooms below ask for. */

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/model/model_spec.h"
#include "lstm_mpi/optim/optimizer.h"
#include "lstm_mpi/optim/schedule.h"
#include "lstm_mpi/text/batches.h"
#include "lstm_mpi/text/tokenizer.h"

struct model_spec settings_specs_model(const struct settings *settings, size_t vocabulary_size);

struct token_rules settings_specs_tokens(const struct settings *settings);

/* For the rows of one rank: `rows` of the `batch_size` rows. */
struct batches_spec settings_specs_batches(const struct settings *settings, size_t tokens, struct range rows);

struct optimizer settings_specs_optimizer(const struct settings *settings);

struct schedule settings_specs_schedule(const struct settings *settings);

#endif
