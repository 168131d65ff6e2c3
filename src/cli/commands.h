#ifndef LSTM_MPI_CLI_COMMANDS_H
#define LSTM_MPI_CLI_COMMANDS_H

#include "lstm_mpi/config/settings.h"
#include "lstm_mpi/dist/comm.h"

/* What follows the program's name on the command line. */
struct command {
    enum settings_command settings; /* gives it its name, too */
    const char *synopsis;           /* what follows the name: "[OPTIONS] FILE" */
    const char *summary;            /* one line, in lower case, without a full stop */
    const char *description;        /* a sentence or two for its own --help */
    const char *example;            /* a line to type */
    bool stops_on_signals;          /* by itself; others are ended by a signal */

    /* Runs it, on all ranks at once; prints on rank 0. The settings are the command's to change. */
    enum status (*run)(const struct comm *comm, struct settings *settings, struct error *error);
};

/* The first is what runs where no command is named; a row of zeros ends the table. */
extern const struct command commands[];

#endif
