#ifndef LSTM_MPI_CLI_TERMINAL_H
#define LSTM_MPI_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Where standard output really ends. Under mpirun a rank's own standard output is a pseudo-terminal in any
 * case, so mpirun's is asked, where it runs on this host. */
struct terminal {
    bool present;
    size_t columns;
};

struct terminal terminal_of_output(void);

#endif
