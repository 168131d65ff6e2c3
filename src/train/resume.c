#include "resume.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"

/* The first of the candidates that opens; `error` is that of the last one that did not. */
static enum status open_first_good(struct checkpoint **out, char **paths, size_t count,
                                   const struct comm *comm, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        char line[ERROR_LINE_BYTES];
        status = checkpoint_open(out, comm, paths[i], CHECKPOINT_RUN, error);
        if (status == STATUS_OK || error->broke_communication)
            break;
        error_line(line, error);
        if (i + 1 < count)
            log_warning("%s; the next older checkpoint is tried", line);
    }
    return status;
}

enum status resume_open_newest(struct checkpoint **out, struct run_directory *directory,
                               const struct comm *comm, struct error *error)
{
    enum status status;
    char **paths = NULL;
    size_t count = 0;
    *out = NULL;
    TRY(run_directory_candidates(&paths, &count, directory, comm, error));
    TRY(open_first_good(out, paths, count, comm, error));
    if (*out)
        run_directory_resumed(directory, (*out)->path, (*out)->progress.update);
done:
    memory_free(paths);
    return status;
}
