#include "message.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void message_warning(const char *line)
{
    fflush(stdout);
    fprintf(stderr, "lstm_mpi: warning: %s\n", line);
}

static const char error_format[] = "lstm_mpi: error: %s\n";

void message_error(const struct error *error)
{
    char line[ERROR_LINE_BYTES];
    error_line(line, error);
    fflush(stdout);
    fprintf(stderr, error_format, line);
}

/* A pipe that is ready takes a line of this length at once. */
void message_last_error(const struct error *error)
{
    enum { TIMEOUT_MILLISECONDS = 5000 };
    char line[ERROR_LINE_BYTES];
    char whole[sizeof error_format + sizeof line];
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    error_line(line, error);
    snprintf(whole, sizeof whole, error_format, line);
    if (poll(&ready, 1, TIMEOUT_MILLISECONDS) > 0 && write(STDERR_FILENO, whole, strlen(whole)) < 0)
        return; /* nobody can be told of it */
}
