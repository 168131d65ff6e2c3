#include "command_import.h"

#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/exchange.h"
#include "target_file.h"

#include <stdio.h>

enum status command_import(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct checkpoint *vocabulary_from = NULL;
    struct exchange_model model = {0};
    const struct history no_epochs = {0};
    const char *path = settings->checkpoint;
    TRY(agree_on_status(comm, target_file_check(path, settings->overwrite, error), error));
    if (settings->vocabulary_from)
        TRY(checkpoint_open(&vocabulary_from, comm, settings->vocabulary_from, CHECKPOINT_MODEL, error));
    status = exchange_read(&model, settings->safetensors.items[0], vocabulary_from, error);
    TRY(agree_on_status(comm, status, error));
    const struct snapshot snapshot = {
        .settings = &model.settings,
        .vocabulary = model.vocabulary,
        .tensors = model.tensors,
        .tensor_count = model.tensor_count,
        .history = &no_epochs,
    };
    TRY(checkpoint_write(comm, path, &snapshot, error));
    if (comm->rank == 0)
        printf("wrote %s: %s, %zu tokens\n", path, model.cell_module, vocabulary_size(model.vocabulary));
done:
    exchange_model_free(&model);
    checkpoint_close(vocabulary_from);
    return status;
}
