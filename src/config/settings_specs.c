#include "lstm_mpi/config/settings_specs.h"

#include "lstm_mpi/model/cell.h"

struct model_spec settings_specs_model(const struct settings *settings, size_t vocabulary_size)
{
    return (struct model_spec){
        .vocabulary_size = vocabulary_size,
        .hidden_size = settings->hidden_size,
        .cell = &cells[settings->cell],
        .num_layers = settings->num_layers,
        .embedding_size = settings->embedding_size,
        .bidirectional = settings->bidirectional,
        .tie_weights = settings->tie_weights,
        .double_bias = settings->bias == SETTINGS_BIAS_DOUBLE,
        .dropout = settings->dropout,
        .dropout_seed = settings->seed,
    };
}

struct token_rules settings_specs_tokens(const struct settings *settings)
{
    return (struct token_rules){
        .tokenizer = tokenizers[settings->token],
        .drop_newlines = settings->drop_newlines,
        .lowercase = settings->lowercase,
    };
}

struct batches_spec settings_specs_batches(const struct settings *settings, size_t tokens, struct range rows)
{
    bool random = settings->start_offset == START_OFFSET_RANDOM;
    return (struct batches_spec){
        .tokens = tokens,
        .batch_size = settings->batch_size,
        .num_steps = settings->num_steps,
        .sampling = (enum sampling)settings->sampling,
        .offset_is_random = random,
        .start_offset = random ? 0 : (size_t)settings->start_offset,
        .seed = settings->seed,
        .first_row = rows.first,
        .row_count = rows.count,
    };
}

struct optimizer settings_specs_optimizer(const struct settings *settings)
{
    return (struct optimizer){
        .ops = &optimizers[settings->optimizer],
        .momentum = settings->momentum,
        .weight_decay = settings->weight_decay,
    };
}

struct schedule settings_specs_schedule(const struct settings *settings)
{
    return (struct schedule){
        .rate = settings->lr,
        .decay = settings->lr_decay,
        .decay_after = settings->lr_decay_after,
        .warmup = settings->lr_warmup,
    };
}
