#ifndef LSTM_MPI_CONFIG_SETTINGS_SAVED_H
#define LSTM_MPI_CONFIG_SETTINGS_SAVED_H

/* The settings that a checkpoint keeps, and what they mean to a run that starts from it. */

#include "lstm_mpi/config/settings.h"

/* An attribute of /config and its value as settings_text_get writes it. */
struct settings_saved {
    const char *name;
    const char *text;
};

/* For a run that goes on from `file`: the settings that were not given become the saved ones. Fails
 * (STATUS_FAILED) on a given one that may not differ and does, naming the option and both values, and on a
 * saved text that is no value of its setting. A saved name without a row is passed over, for another version
 * of the program wrote it; so is a setting that the file lacks. */
MUST_CHECK enum status settings_saved_resume(struct settings *settings, const struct settings_saved *saved,
                                             size_t count, const char *file, struct error *error);

/* For --init-from: the settings of the model's shape that were not given become the saved ones. A given one
 * that differs stays as it is: the shapes in the file tell whether it fits. */
MUST_CHECK enum status settings_saved_shape(struct settings *settings, const struct settings_saved *saved,
                                            size_t count, const char *file, struct error *error);

/* One setting alone: unless it was given, it becomes the saved one. */
MUST_CHECK enum status settings_saved_one(struct settings *settings, const char *name,
                                          const struct settings_saved *saved, size_t count, const char *file,
                                          struct error *error);

/* The same of all settings that say what a token is: what the vocabulary of `file` is read with. */
MUST_CHECK enum status settings_saved_tokens(struct settings *settings, const struct settings_saved *saved,
                                             size_t count, const char *file, struct error *error);

#endif
