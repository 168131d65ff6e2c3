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

/* What is gone on from, one after the other. */
struct beginnings {
    struct prefix *items;
    size_t count;
    char *file_text; /* of --prefix-file; NULL: there is none */
};

static void free_beginnings(struct beginnings *beginnings)
{
    for (size_t i = 0; i < beginnings->count; i++)
        prefix_free(&beginnings->items[i]);
    memory_free(beginnings->items);
    free(beginnings->file_text);
}

/* Adds a text to the beginnings, which have room for it. */
static enum status add_text(struct beginnings *beginnings, const struct vocabulary *vocabulary,
                            const char *text, size_t bytes, struct error *error)
{
    struct prefix *prefix = &beginnings->items[beginnings->count];
    enum status status = prefix_encode(prefix, vocabulary, text, bytes, error);
    if (status != STATUS_OK)
        return status;
    beginnings->count++;
    if (prefix->count > 0)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "there is nothing to begin with");
    error_why(error, "of the prefix no %s is left", vocabulary_rules(vocabulary)->tokenizer->name);
    return error_remedy(error, "give a prefix that is more than newlines");
}

static enum status write_samples(const struct trained_model *model, const struct settings *settings,
                                 const struct beginnings *beginnings, struct error *error)
{
    enum status status = STATUS_OK;
    bool open = true;
    for (size_t i = 0; i < beginnings->count && open; i++) {
        struct sample_output_spec samples = {
            .model = model,
            .sampling = {settings->temperature, settings->top_k, settings->top_p, settings->seed},
            .beginning = beginnings->items[i],
            .length = settings->length,
            .count = settings->count,
            .behind_another = i > 0 && settings->count > 1,
        };
        TRY(sample_output_write(&samples, &open, error));
    }
done:
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

static enum status add_file(struct beginnings *beginnings, const struct vocabulary *vocabulary,
                            const char *path, struct error *error)
{
    enum status status = read_prefix(path, &beginnings->file_text, error);
    if (status != STATUS_OK)
        return status;
    bool utf8 = vocabulary_rules(vocabulary)->tokenizer->needs_utf8;
    const char *text = beginnings->file_text ? trimmed(beginnings->file_text, utf8) : "";
    if (text[0])
        return add_text(beginnings, vocabulary, text, strlen(text), error);
    error_set(error, STATUS_FAILED, "there is nothing to begin with");
    error_why(error, "%s is empty", path);
    return error_remedy(error, "give a prefix with --prefix");
}

/* Takes the last of the beginnings out again where the vocabulary lacks some of it. */
static void keep_known(struct beginnings *beginnings)
{
    struct prefix *last = &beginnings->items[beginnings->count - 1];
    if (prefix_is_known(last))
        return;
    prefix_free(last);
    beginnings->count--;
}

/* Nobody has chosen the default prefixes: the first that the vocabulary knows will do, else a token of it. */
static enum status add_default(struct beginnings *beginnings, const struct vocabulary *vocabulary,
                               const struct text_list *prefixes, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < prefixes->count && beginnings->count == 0; i++) {
        TRY(add_text(beginnings, vocabulary, prefixes->items[i], strlen(prefixes->items[i]), error));
        keep_known(beginnings);
    }
    if (beginnings->count == 0) {
        struct prefix *token = &beginnings->items[0];
        TRY(memory_new(&token->tokens, 1, error));
        token->tokens[0] = vocabulary_opening(vocabulary);
        token->count = 1;
        token->text = vocabulary_text(vocabulary, token->tokens[0], &token->bytes);
        beginnings->count = 1;
    }
done:
    return status;
}

/* The first prefix of the run that made the checkpoint. */
static enum status add_saved(struct beginnings *beginnings, const struct vocabulary *vocabulary,
                             struct settings *settings, const struct checkpoint *checkpoint,
                             struct error *error)
{
    enum status status;
    struct settings defaults;
    const struct text_list *prefixes = &settings->prefix;
    TRY(settings_defaults(&defaults, SETTINGS_TRAIN, error));
    TRY(settings_saved_one(settings, "prefix", checkpoint->saved, checkpoint->saved_count, checkpoint->path,
                           error));
    if (prefixes->count == 0 || !prefixes->items[0][0]) {
        error_set(error, STATUS_FAILED, "there is nothing to begin with");
        error_why(error, "%s has no prefix", checkpoint->path);
        status = error_remedy(error, "give one with --prefix");
    } else if (settings_equal(settings, &defaults, settings_find("prefix"))) {
        status = add_default(beginnings, vocabulary, prefixes, error);
    } else {
        status = add_text(beginnings, vocabulary, prefixes->items[0], strlen(prefixes->items[0]), error);
    }
done:
    settings_free(&defaults);
    return status;
}

static enum status choose_beginnings(struct beginnings *beginnings, const struct vocabulary *vocabulary,
                                     struct settings *settings, const struct checkpoint *checkpoint,
                                     struct error *error)
{
    enum status status;
    bool given = settings_given(settings, "prefix");
    TRY(memory_new(&beginnings->items, given ? settings->prefix.count : 1, error));
    if (settings->prefix_file)
        TRY(add_file(beginnings, vocabulary, settings->prefix_file, error));
    else if (!given)
        TRY(add_saved(beginnings, vocabulary, settings, checkpoint, error));
    for (size_t i = 0; i < settings->prefix.count && given; i++) {
        const char *text = settings->prefix.items[i];
        TRY(add_text(beginnings, vocabulary, text, strlen(text), error));
    }
    for (size_t i = 0; i < beginnings->count; i++)
        prefix_warn_of_unknown(&beginnings->items[i], vocabulary);
done:
    return status;
}

static void warn_of_directions(const struct trained_model *model)
{
    if (model->spec.bidirectional)
        log_warning(
            "the model is bidirectional: it was trained to see the characters that it should predict, "
            "and here sees one step at a time in both directions");
}

static enum status generate(const struct checkpoint *checkpoint, struct settings *settings,
                            struct error *error)
{
    enum status status;
    struct trained_model model = {0};
    struct beginnings beginnings = {0};
    TRY(trained_model_read(&model, settings, checkpoint, error));
    TRY(choose_beginnings(&beginnings, model.vocabulary, settings, checkpoint, error));
    warn_of_directions(&model);
    TRY(write_samples(&model, settings, &beginnings, error));
done:
    free_beginnings(&beginnings);
    trained_model_free(&model);
    return status;
}

enum status command_generate(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct checkpoint *checkpoint = NULL;
    TRY(checkpoint_open(&checkpoint, comm, settings->checkpoint, CHECKPOINT_MODEL, error));
    if (comm->rank == 0)
        status = generate(checkpoint, settings, error);
    TRY(agree_on_status(comm, status, error));
done:
    checkpoint_close(checkpoint);
    return status;
}
