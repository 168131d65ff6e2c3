#include "trained_model.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/model/parameters.h"

#include <stdio.h>

static enum status read_weights(float *weights, const struct parameters *parameters,
                                const struct checkpoint *checkpoint, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->table[i];
        struct tensor tensor = {
            .dims = {parameter->dims[0], parameter->dims[1]},
            .dim_count = parameter->dim_count,
            .split_dim = -1,
            .data = weights + parameter->offset,
        };
        snprintf(tensor.path, sizeof tensor.path, "/model/%s", parameter->path);
        TRY(checkpoint_read_tensor(checkpoint, &tensor, error));
    }
done:
    return status;
}

/* The hidden size is what the file's weights say, whatever its settings. */
enum status trained_model_read(struct trained_model *model, struct settings *settings,
                               const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    struct parameters parameters;
    *model = (struct trained_model){0};
    const struct tensor *W_h = checkpoint_find(checkpoint, "/model/layer0/W_h");
    if (W_h && W_h->dim_count == 2)
        settings->hidden_size = W_h->dims[0];
    TRY(settings_saved_tokens(settings, checkpoint->saved, checkpoint->saved_count, checkpoint->path, error));
    struct token_rules rules = settings_specs_tokens(settings);
    TRY(checkpoint_read_vocabulary(&model->vocabulary, checkpoint, &rules, error));
    model->spec = settings_specs_model(settings, vocabulary_size(model->vocabulary));
    TRY(parameters_layout(&parameters, &model->spec, error));
    TRY(memory_new(&model->weights, parameters.size, error));
    TRY(read_weights(model->weights, &parameters, checkpoint, error));
done:
    return status;
}

void trained_model_free(struct trained_model *model)
{
    vocabulary_destroy(model->vocabulary);
    memory_free(model->weights);
    *model = (struct trained_model){0};
}
