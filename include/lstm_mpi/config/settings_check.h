#ifndef LSTM_MPI_CONFIG_SETTINGS_CHECK_H
#define LSTM_MPI_CONFIG_SETTINGS_CHECK_H

#include "lstm_mpi/config/settings.h"

/* Checks what single values cannot show: settings that `command` needs, or that exclude each other.
 * STATUS_USAGE, naming them. */
MUST_CHECK enum status settings_check(const struct settings *settings, enum settings_command command,
                                      struct error *error);

/* Parts of it: what is about validation, and what is about the model. They are checked again when a
 * checkpoint (--init-from, --resume, generate) has completed the settings. */
MUST_CHECK enum status settings_check_validation(const struct settings *settings, struct error *error);
MUST_CHECK enum status settings_check_model(const struct settings *settings, struct error *error);

#endif
