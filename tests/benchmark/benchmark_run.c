#include "benchmark_run.h"

#include "lstm_mpi/linalg/blis_setup.h"

#include <stdio.h>

int benchmark_run(const char *name, bool uses_blis,
                  enum status (*benchmark)(void *context, const struct comm *comm, struct error *error),
                  void *context)
{
    struct error error = {0};
    struct comm comm;
    enum status status;
    if (uses_blis)
        TRY(blis_setup_start(&error));
    TRY(comm_start(&comm, &error));
    TRY(benchmark(context, &comm, &error));
    comm_finish(&comm);
done:
    if (status != STATUS_OK)
        fprintf(stderr, "%s: %s: %s\n", name, error.what, error.why);
    return (int)status;
}
