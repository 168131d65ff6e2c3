#ifndef LSTM_MPI_CONFIG_SETTINGS_TEXT_H
#define LSTM_MPI_CONFIG_SETTINGS_TEXT_H

/* A setting's value as text, and back. */

#include "lstm_mpi/config/settings.h"

/* Writes the value of a row as text, from which settings_text_set makes the same value, bit for bit: real
 * numbers with as many digits as that needs, flags as true and false, choices by their names, no text as an
 * empty one, and the items of a list behind each other with a newline between (a newline or backslash within
 * an item as \n and \\). The caller owns the text. */
MUST_CHECK enum status settings_text_get(char **out, const struct settings *settings,
                                         const struct settings_row *row, struct error *error);

/* The inverse. `origin` is what an error names as the thing that failed, such as "option --batch-size";
 * STATUS_USAGE on a text that is no value of this row, or one out of its range, and the setting is then as it
 * was. Does not count as given by the user. */
MUST_CHECK enum status settings_text_set(struct settings *settings, const struct settings_row *row,
                                         const char *text, const char *origin, struct error *error);

/* What the user gave for a row, on the command line or in a file: as settings_text_set, but an empty text is
 * an error, and a list gets `text` as it is for one more item (the first one given replaces the default). */
MUST_CHECK enum status settings_text_give(struct settings *settings, const struct settings_row *row,
                                          const char *text, const char *origin, struct error *error);

#endif
