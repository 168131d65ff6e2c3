#include "lstm_mpi/config/settings_check.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/optim/optimizer.h"

enum status settings_check_validation(const struct settings *settings, struct error *error)
{
    const char *needing = settings->patience > 0      ? "patience"
                          : settings->lr_plateau != 1 ? "lr-plateau"
                                                      : NULL;
    if (!needing || settings->valid_fraction > 0)
        return STATUS_OK;
    error_set(error, STATUS_USAGE, "option --%s", needing);
    error_why(error, "it needs --valid-fraction, a part of the text that is not trained on");
    return error_remedy(error, "give both of them, or none");
}

enum status settings_check_model(const struct settings *settings, struct error *error)
{
    if (!settings->tie_weights)
        return STATUS_OK;
    if (settings->bidirectional) {
        error_set(error, STATUS_USAGE, "options --tie-weights and --bidirectional");
        error_why(error, "both directions together are wider than an embedding as wide as one of them");
        return error_remedy(error, "give one of them");
    }
    if (settings->embedding_size == 0) {
        error_set(error, STATUS_USAGE, "options --tie-weights and --embedding-size");
        error_why(error, "there is no embedding to tie the output layer to");
        return error_remedy(error, "give --embedding-size %llu", (unsigned long long)settings->hidden_size);
    }
    if (settings->embedding_size == settings->hidden_size)
        return STATUS_OK;
    error_set(error, STATUS_USAGE, "options --embedding-size and --hidden-size");
    error_why(error, "with --tie-weights they must be the same, and are %llu and %llu",
              (unsigned long long)settings->embedding_size, (unsigned long long)settings->hidden_size);
    return error_remedy(error, "give both the same value");
}

static enum status check_train(const struct settings *settings, struct error *error)
{
    const struct optimizer_ops *optimizer = &optimizers[settings->optimizer];
    if (settings->momentum != 0 && !optimizer->takes_momentum) {
        error_set(error, STATUS_USAGE, "options --momentum and --optimizer");
        error_why(error, "%s has a momentum of its own", optimizer->name);
        return error_remedy(error, "leave --momentum out");
    }
    if (settings->resume && settings->overwrite) {
        error_set(error, STATUS_USAGE, "options --resume and --overwrite");
        error_why(error, "one goes on with the run that is there, the other begins it anew");
        return error_remedy(error, "give one of them");
    }
    enum status status = STATUS_OK;
    if (!settings->resume)
        status = settings_check_validation(settings, error);
    if (status == STATUS_OK && !settings->resume && !settings->init_from)
        status = settings_check_model(settings, error);
    return status;
}

static enum status check_generate(const struct settings *settings, struct error *error)
{
    if (!settings->checkpoint) {
        error_set(error, STATUS_USAGE, "option --checkpoint");
        error_why(error, "generate needs a model");
        return error_remedy(error, "give the checkpoint.h5 of a run");
    }
    if (settings->prefix_file && settings_given(settings, "prefix")) {
        error_set(error, STATUS_USAGE, "options --prefix and --prefix-file");
        error_why(error, "a text has one beginning");
        return error_remedy(error, "give one of them");
    }
    if (settings->top_p > 1) {
        error_set(error, STATUS_USAGE, "option --top-p");
        error_why(error, "%g is no chance", settings->top_p);
        return error_remedy(error, "give a number above 0, at most 1");
    }
    if (settings->count > 1 && settings->temperature == 0)
        log_warning("option --count makes equal samples without --temperature: the likeliest character is "
                    "always taken");
    const char *useless = settings->top_k > 0 ? "top-k" : settings->top_p < 1 ? "top-p" : NULL;
    if (useless && settings->temperature == 0) {
        log_warning(
            "option --%s has no effect without --temperature: the likeliest character is always taken",
            useless);
    }
    return STATUS_OK;
}

static enum status check_evaluate(const struct settings *settings, struct error *error)
{
    if (!settings->checkpoint) {
        error_set(error, STATUS_USAGE, "option --checkpoint");
        error_why(error, "evaluate needs a model");
        return error_remedy(error, "give the checkpoint.h5 of a run");
    }
    if (settings->per_line && settings->max_tokens > 0) {
        error_set(error, STATUS_USAGE, "options --per-line and --max-tokens");
        error_why(error, "a line is read as a whole, or not at all");
        return error_remedy(error, "give one of them");
    }
    return STATUS_OK;
}

static enum status check_inspect(const struct settings *settings, struct error *error)
{
    size_t count = settings->files.count;
    if (count == 1 || count == 2)
        return STATUS_OK;
    error_set(error, STATUS_USAGE, "command inspect");
    if (count == 0)
        error_why(error, "there is nothing to look at");
    else
        error_why(error, "'%s' is one file too many", settings->files.items[2]);
    return error_remedy(error, "name a checkpoint, a metrics.h5 or a run directory, or two checkpoints");
}

static enum status check_exchange(const struct settings *settings, enum settings_command command,
                                  struct error *error)
{
    const char *name = settings_command_name(command);
    if (!settings->checkpoint) {
        error_set(error, STATUS_USAGE, "option --checkpoint");
        error_why(error, command == SETTINGS_EXPORT ? "export needs a model" : "import makes one");
        return error_remedy(error, "give the name of a checkpoint");
    }
    if (settings->safetensors.count == 1)
        return STATUS_OK;
    error_set(error, STATUS_USAGE, "command %s", name);
    if (settings->safetensors.count == 0)
        error_why(error, "the name of the safetensors file is missing");
    else
        error_why(error, "'%s' is one file too many", settings->safetensors.items[1]);
    return error_remedy(error, "name one file beside --checkpoint");
}

static enum status check_report(const struct settings *settings, struct error *error)
{
    if (settings->runs.count > 0)
        return STATUS_OK;
    error_set(error, STATUS_USAGE, "command report");
    error_why(error, "there is nothing to tell of");
    return error_remedy(error, "name a run directory, or several");
}

enum status settings_check(const struct settings *settings, enum settings_command command,
                           struct error *error)
{
    switch (command) {
    case SETTINGS_TRAIN:
        return check_train(settings, error);
    case SETTINGS_GENERATE:
        return check_generate(settings, error);
    case SETTINGS_INSPECT:
        return check_inspect(settings, error);
    case SETTINGS_EXPORT:
    case SETTINGS_IMPORT:
        return check_exchange(settings, command, error);
    case SETTINGS_REPORT:
        return check_report(settings, error);
    case SETTINGS_EVALUATE:
        return check_evaluate(settings, error);
    case SETTINGS_CHECK:
        return settings->checkpoint ? STATUS_OK : settings_check_model(settings, error);
    case SETTINGS_EVERY_COMMAND:
        break;
    }
    return STATUS_OK;
}
