#ifndef LSTM_MPI_CLI_HELP_H
#define LSTM_MPI_CLI_HELP_H

/* --help, --version and the manual page, all out of settings_table[] and a table of commands that ends as
 * commands[] does. Whoever calls says where it goes: rank 0's standard output. */

#include "commands.h"

#include <stdio.h>

/* The columns of a line for `stream`: a terminal's, within reason, else 80. */
int help_width(FILE *stream);

/* lstm_mpi --help: the commands, and where to read on. */
void help_print(FILE *stream, const struct command *table, int width);

/* lstm_mpi COMMAND --help: its options, in groups where they are many. */
void help_print_command(FILE *stream, const struct command *command, int width);

/* "lstm_mpi 0.1.0", and a line for each of `libraries`, which ends with NULL. */
void help_print_version(FILE *stream, const char *const *libraries);

/* lstm_mpi(1) in the man macros of troff. */
void help_print_manual(FILE *stream, const struct command *table);

enum { HELP_TEXT_BYTES = 256 };

/* An option as it is typed: "--batch-size N", "--progress auto|bar|plain"; a positional one "FILE". */
void help_option_usage(char text[HELP_TEXT_BYTES], const struct settings_row *row);

#endif
