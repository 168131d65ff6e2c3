#ifndef LSTM_MPI_TESTS_BLIS_CONFIGURATION_H
#define LSTM_MPI_TESTS_BLIS_CONFIGURATION_H

/* Starts BLIS for a test program: `test_NAME CONFIGURATION` runs with the configuration of that name, and is
 * skipped where BLIS does not have it or this CPU cannot run it. The numbers of BLIS_ARCH_TYPE change from
 * one version of BLIS to the next, the names do not. */

#include "lstm_mpi/linalg/blis_setup.h"

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEST_SKIPPED = 77 };

static inline int blis_configuration_number(const char *name)
{
    for (int id = 0; id < BLIS_NUM_ARCHS; id++) {
        if (strcmp(bli_arch_string((arch_t)id), name) == 0)
            return id;
    }
    return -1;
}

/* Returns 0, or the status that the program shall exit with. */
static inline int blis_configuration_start(int count, char **arguments)
{
    if (count > 1) {
        char number[16];
        snprintf(number, sizeof number, "%d", blis_configuration_number(arguments[1]));
        setenv("BLIS_ARCH_TYPE", number, 1);
    }
    struct error error;
    if (blis_setup_start(&error) != STATUS_OK) {
        char line[ERROR_LINE_BYTES];
        error_line(line, &error);
        fprintf(stderr, "%s\n", line);
        return count > 1 ? TEST_SKIPPED : 1;
    }
    const struct blis_setup *setup = blis_setup_in_use();
    printf("BLIS computes as %s with %d threads\n", setup->configuration, setup->threads);
    return 0;
}

#endif
