#include "trained_model.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/smaller.h"
#include "lstm_mpi/config/settings_check.h"
#include "lstm_mpi/config/settings_saved.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/model/cell.h"
#include "lstm_mpi/model/parameters.h"
#include "lstm_mpi/store/checkpoint_shape.h"

#include <stdio.h>

static enum status read_weights(float *weights, const struct parameters *parameters,
                                const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    struct tensor *tensors = NULL;
    TRY(memory_new(&tensors, parameters->count, error));
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->table[i];
        tensors[i] = (struct tensor){
            .dims = {parameter->dims[0], parameter->dims[1]},
            .dim_count = parameter->dim_count,
            .split_dim = -1,
            .data = weights + parameter->offset,
        };
        snprintf(tensors[i].path, sizeof tensors[i].path, "/model/%s", parameter->path);
        TRY(checkpoint_read_tensor(checkpoint, &tensors[i], error));
    }
    TRY(checkpoint_check_model(checkpoint, tensors, parameters->count, error));
done:
    memory_free(tensors);
    return status;
}

/* The first cell with as many gates, unless the settings already name one. */
static void choose_cell(struct settings *settings, size_t gates)
{
    for (size_t i = 0; i < cell_count && cells[settings->cell].gates != gates; i++) {
        if (cells[i].gates == gates)
            settings->cell = (int)i;
    }
}

/* The shape of the network is what the weights say, whatever the settings. */
static void take_shape(struct settings *settings, const struct checkpoint *checkpoint)
{
    struct checkpoint_shape shape = checkpoint_shape_of(checkpoint);
    if (shape.gates == 0)
        return;
    settings->hidden_size = shape.hidden;
    choose_cell(settings, shape.gates);
    settings->num_layers = smaller(shape.layers, MODEL_MAX_LAYERS);
    settings->bidirectional = shape.bidirectional;
    settings->bias = shape.double_bias ? SETTINGS_BIAS_DOUBLE : SETTINGS_BIAS_SINGLE;
    settings->embedding_size = shape.embedding;
    settings->tie_weights = shape.tied && shape.embedding > 0;
}

enum status trained_model_read(struct trained_model *model, struct settings *settings,
                               const struct checkpoint *checkpoint, struct error *error)
{
    enum status status;
    struct parameters parameters;
    *model = (struct trained_model){0};
    TRY(settings_saved_shape(settings, checkpoint->saved, checkpoint->saved_count, checkpoint->path, error));
    TRY(settings_saved_tokens(settings, checkpoint->saved, checkpoint->saved_count, checkpoint->path, error));
    take_shape(settings, checkpoint);
    TRY(settings_check_model(settings, error));
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
