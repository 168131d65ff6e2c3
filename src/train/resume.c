#include "resume.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/model/parameters.h"
#include "lstm_mpi/store/checkpoint_shape.h"

#include <stdio.h>

/* Its weights must be those of the network that its settings describe. */
static enum status check_weights(const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    struct settings settings = {0};
    struct parameters parameters;
    TRY(settings_defaults(&settings, error));
    TRY(settings_saved_resume(&settings, checkpoint->saved, checkpoint->saved_count, checkpoint->path,
                              error));
    struct model_spec spec = settings_specs_model(&settings, checkpoint_shape_of(checkpoint).vocabulary);
    TRY(parameters_layout(&parameters, &spec, error));
    for (size_t i = 0; i < parameters.count; i++) {
        const struct parameter *parameter = &parameters.table[i];
        struct tensor tensor = {.dims = {parameter->dims[0], parameter->dims[1]},
                                .dim_count = parameter->dim_count};
        snprintf(tensor.path, sizeof tensor.path, "/model/%s", parameter->path);
        TRY(checkpoint_check_tensor(checkpoint, &tensor, error));
    }
done:
    settings_free(&settings);
    return status;
}

static enum status open_good(struct checkpoint **out, const char *path, const struct comm *comm,
                             struct error *error)
{
    enum status status;
    TRY(checkpoint_open(out, comm, path, CHECKPOINT_RUN, error));
    TRY(agree_on_status(comm, check_weights(*out, error), error));
done:
    if (status != STATUS_OK) {
        checkpoint_close(*out);
        *out = NULL;
    }
    return status;
}

/* The first of the candidates that is good; `error` is that of the last one that did not. */
static enum status open_first_good(struct checkpoint **out, char **paths, size_t count,
                                   const struct comm *comm, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        char line[ERROR_LINE_BYTES];
        status = open_good(out, paths[i], comm, error);
        if (status == STATUS_OK || error->short_of_memory || error->broke_communication)
            break;
        error_line(line, error);
        if (i + 1 < count)
            log_warning("%s; the next older checkpoint is tried", line);
    }
    return status;
}

/* After the last candidate: its error becomes the reason. */
static enum status no_good_checkpoint(const char *directory, struct error *error)
{
    char last[ERROR_LINE_BYTES];
    struct error cause = *error;
    cause.remedy[0] = '\0';
    error_line(last, &cause);
    error_set(error, STATUS_FAILED, "no good checkpoint is left in %s", directory);
    error_why(error, "%s", last);
    return error_remedy(error, "take another --run-dir, or --overwrite instead of --resume to begin anew");
}

enum status resume_open_newest(struct checkpoint **out, struct run_directory *directory,
                               const struct comm *comm, struct error *error)
{
    enum status status;
    char **paths = NULL;
    size_t count = 0;
    *out = NULL;
    TRY(run_directory_candidates(&paths, &count, directory, comm, error));
    status = open_first_good(out, paths, count, comm, error);
    if (status != STATUS_OK && !error->short_of_memory && !error->broke_communication)
        status = no_good_checkpoint(directory->path, error);
    if (status != STATUS_OK)
        goto done;
    if (*out)
        run_directory_resumed(directory, (*out)->path, (*out)->progress.update);
done:
    memory_free(paths);
    return status;
}
