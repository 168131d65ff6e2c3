#include "command_export.h"

#include "lstm_mpi/base/same_file.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/exchange.h"
#include "target_file.h"

#include <stdio.h>

static enum status check_that_they_differ(const char *path, const char *checkpoint, struct error *error)
{
    if (!same_file_at(path, checkpoint))
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "cannot write %s", path);
    error_why(error, "it is the checkpoint itself");
    return error_remedy(error, "name another file");
}

static enum status write_model(struct settings *settings, const struct checkpoint *checkpoint,
                               struct error *error)
{
    enum status status;
    struct vocabulary *vocabulary = NULL;
    const char *path = settings->safetensors.items[0];
    TRY(check_that_they_differ(path, checkpoint->path, error));
    TRY(target_file_check(path, settings->overwrite || exchange_may_replace(path), error));
    TRY(settings_saved_tokens(settings, checkpoint->saved, checkpoint->saved_count, checkpoint->path, error));
    struct token_rules rules = settings_specs_tokens(settings);
    TRY(checkpoint_read_vocabulary(&vocabulary, checkpoint, &rules, error));
    TRY(exchange_write(path, checkpoint, vocabulary, error));
    printf("wrote %s\n", path);
done:
    vocabulary_destroy(vocabulary);
    return status;
}

enum status command_export(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct checkpoint *checkpoint = NULL;
    TRY(checkpoint_open(&checkpoint, comm, settings->checkpoint, CHECKPOINT_MODEL, error));
    if (comm->rank == 0)
        status = write_model(settings, checkpoint, error);
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    return status;
}
