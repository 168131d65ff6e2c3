#ifndef LSTM_MPI_CLI_ARGUMENTS_H
#define LSTM_MPI_CLI_ARGUMENTS_H

#include "commands.h"

enum arguments_request {
    ARGUMENTS_RUN,
    ARGUMENTS_HELP,         /* lstm_mpi --help */
    ARGUMENTS_COMMAND_HELP, /* lstm_mpi COMMAND --help */
    ARGUMENTS_VERSION,
};

/* What the user asked for. */
struct arguments {
    enum arguments_request request;
    const struct command *command; /* a view of the table's row */
    struct settings settings;      /* complete and checked for ARGUMENTS_RUN; the defaults otherwise */
};

/* Reads [COMMAND] [OPTIONS] and the configuration file that --config names, against a table that ends as
 * commands[] does. The command line wins over the file. STATUS_USAGE on anything that is not understood,
 * naming it and what it may have been meant to be. Every rank parses the same and gets the same. The caller
 * frees the arguments in any case. */
MUST_CHECK enum status arguments_parse(struct arguments *arguments, const struct command *table, int argc,
                                       const char **argv, struct error *error);

void arguments_free(struct arguments *arguments);

#endif
