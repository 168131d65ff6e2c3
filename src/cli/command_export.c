#include "command_export.h"

#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/exchange.h"

#include <stdio.h>

static enum status write_model(const struct checkpoint *checkpoint, const char *path, struct error *error)
{
    enum status status;
    struct vocabulary *vocabulary = NULL;
    TRY(checkpoint_read_vocabulary(&vocabulary, checkpoint, tokenizers[0], error));
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
        status = write_model(checkpoint, settings->safetensors.items[0], error);
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    return status;
}
