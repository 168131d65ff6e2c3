#include "command_generate.h"

#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/dist/agree.h"
#include "sample_output.h"
#include "trained_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void warn_of_unknown(const struct vocabulary *vocabulary, const char *prefix, const uint32_t *tokens,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] == VOCABULARY_UNKNOWN) {
            log_warning("the prefix '%s' has %s that are not in the vocabulary: <unk> is used for them",
                        prefix, vocabulary_rules(vocabulary)->tokenizer->plural);
            return;
        }
    }
}

static enum status write_samples(const struct trained_model *model, const struct settings *settings,
                                 const char *prefix, struct error *error)
{
    enum status status;
    uint32_t *tokens = NULL;
    size_t count;
    TRY(vocabulary_encode_text(model->vocabulary, &tokens, &count, prefix, strlen(prefix), error));
    if (count == 0) {
        error_set(error, STATUS_FAILED, "there is nothing to begin with");
        error_why(error, "of the prefix no %s is left", vocabulary_rules(model->vocabulary)->tokenizer->name);
        TRY(error_remedy(error, "give a prefix that is more than newlines"));
    }
    warn_of_unknown(model->vocabulary, prefix, tokens, count);
    struct sample_output_spec samples = {
        .model = model,
        .sampling = {settings->temperature, settings->top_k, settings->top_p, settings->seed},
        .beginning = {prefix, strlen(prefix), tokens, count},
        .length = settings->length,
        .count = settings->count,
    };
    TRY(sample_output_write(&samples, error));
done:
    memory_free(tokens);
    return status;
}

/* Of the whole file, or standard input; to be freed. */
static enum status read_prefix(const char *path, char **text, struct error *error)
{
    enum status status = STATUS_OK;
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *file = standard ? stdin : fopen(path, "r");
    size_t capacity = 0;
    ssize_t length = 0;
    if (!file)
        return error_system(error, errno, "cannot read the prefix from %s", name);
    errno = 0;
    length = getdelim(text, &capacity, '\0', file);
    if (ferror(file) || (length < 0 && errno != 0)) {
        status = error_system(error, errno, "cannot read the prefix from %s", name);
    } else if (length < 0) {
        free(*text); /* allocated, and never written to */
        *text = NULL;
    } else if ((*text)[length - 1] == '\0') {
        error_set(error, STATUS_FAILED, "cannot read the prefix from %s", name);
        error_why(error, "byte %zd is NUL", length - 1);
        status = error_remedy(error, "take it out");
    }
    if (!standard)
        fclose(file);
    return status;
}

/* Without the newline at the end of a file; in UTF-8 that may be CRLF, and a byte order mark may come first.
 */
static const char *trimmed(char *text, bool utf8)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    size_t length = strlen(text);
    bool ends_line = length > 0 && text[length - 1] == '\n';
    if (ends_line)
        text[--length] = '\0';
    if (ends_line && utf8 && length > 0 && text[length - 1] == '\r')
        text[--length] = '\0';
    bool marked = utf8 && strncmp(text, byte_order_mark, sizeof byte_order_mark - 1) == 0;
    return marked ? text + sizeof byte_order_mark - 1 : text;
}

/* The prefix that was given, else the first one of the run that made the checkpoint. */
static enum status choose_prefix(struct settings *settings, const struct checkpoint *checkpoint,
                                 const char **prefix, struct error *error)
{
    enum status status = settings_saved_one(settings, "prefix", checkpoint->saved, checkpoint->saved_count,
                                            checkpoint->path, error);
    if (status != STATUS_OK)
        return status;
    if (settings->prefix.count == 0 || !settings->prefix.items[0][0]) {
        error_set(error, STATUS_FAILED, "there is nothing to begin with");
        error_why(error, "%s has no prefix", checkpoint->path);
        return error_remedy(error, "give one with --prefix");
    }
    *prefix = settings->prefix.items[0];
    return STATUS_OK;
}

static enum status choose_beginning(struct settings *settings, const struct checkpoint *checkpoint, bool utf8,
                                    char **text, const char **prefix, struct error *error)
{
    if (!settings->prefix_file)
        return choose_prefix(settings, checkpoint, prefix, error);
    enum status status = read_prefix(settings->prefix_file, text, error);
    if (status != STATUS_OK)
        return status;
    *prefix = *text ? trimmed(*text, utf8) : "";
    if ((*prefix)[0])
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "there is nothing to begin with");
    error_why(error, "%s is empty", settings->prefix_file);
    return error_remedy(error, "give a prefix with --prefix");
}

static void warn_of_directions(const struct trained_model *model)
{
    if (model->spec.bidirectional)
        log_warning(
            "the model is bidirectional: it was trained to see the characters that it should foretell, "
            "and here sees one step at a time in both directions");
}

enum status command_generate(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct checkpoint *checkpoint = NULL;
    struct trained_model model = {0};
    const char *prefix = NULL;
    char *text = NULL;
    TRY(checkpoint_open(&checkpoint, comm, settings->checkpoint, CHECKPOINT_MODEL, error));
    if (comm->rank == 0) {
        status = trained_model_read(&model, settings, checkpoint, error);
        if (status == STATUS_OK)
            status = choose_beginning(settings, checkpoint,
                                      vocabulary_rules(model.vocabulary)->tokenizer->needs_utf8, &text,
                                      &prefix, error);
        if (status == STATUS_OK)
            warn_of_directions(&model);
        if (status == STATUS_OK)
            status = write_samples(&model, settings, prefix, error);
    }
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    trained_model_free(&model);
    free(text);
    return status;
}
