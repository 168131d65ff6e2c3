#ifndef LSTM_MPI_CONFIG_SETTINGS_FILE_H
#define LSTM_MPI_CONFIG_SETTINGS_FILE_H

#include "lstm_mpi/config/settings.h"

/* Reads a configuration file and gives `settings` what it says.
 *
 * A line is `long-option = value`, a comment after # or ; (the latter also behind a value, after a space), or
 * the heading [COMMAND] of settings for that command alone. Settings above the first heading are for every
 * command that takes them, so that one file can serve several. Options that can be repeated may stand several
 * times; of others the last one counts. Flags say true or false, yes or no, on or off, 1 or 0.
 *
 * STATUS_USAGE, naming file and line, on a file that cannot be read, a line that is none of the above or is
 * too long for the reader, a key that is no option, and a value that its option does not take; values for
 * other commands are checked too. */
MUST_CHECK enum status settings_file_read(struct settings *settings, const char *path,
                                          enum settings_command command, struct error *error);

#endif
