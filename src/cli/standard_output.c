#include "standard_output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum status standard_output_write(const char *text, size_t bytes, struct error *error)
{
    bool open;
    return standard_output_stream(&open, text, bytes, error);
}

enum status standard_output_stream(bool *open, const char *text, size_t bytes, struct error *error)
{
    signal(SIGPIPE, SIG_IGN);
    *open = fwrite(text, 1, bytes, stdout) == bytes && fflush(stdout) == 0;
    if (*open)
        return STATUS_OK;
    int failure = errno;
    clearerr(stdout);
    return failure == EPIPE ? STATUS_OK : error_system(error, failure, "cannot write to standard output");
}
