#include "lstm_mpi/config/settings_saved.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"

#include <stdio.h>

/* A saved text that cannot be understood is no fault of the command line. */
static enum status read_saved(struct settings *settings, const struct settings_row *row, const char *text,
                              const char *file, struct error *error)
{
    char origin[ERROR_TEXT_BYTES];
    snprintf(origin, sizeof origin, "%s, /config/%s", file, row->field);
    enum status status = settings_text_set(settings, row, text, origin, error);
    if (status != STATUS_USAGE)
        return status;
    error->status = STATUS_FAILED;
    return error_remedy(error, "use the version of the program that wrote the file");
}

/* A value as it stands in a sentence, on one line. The caller owns the text. */
static enum status show_value(char **out, const struct settings *settings, const struct settings_row *row,
                              struct error *error)
{
    enum status status = STATUS_OK;
    TRY(settings_text_get(out, settings, row, error));
    for (char *text = *out; *text; text++) {
        if (*text == '\n')
            *text = ' ';
    }
    if ((*out)[0] != '\0')
        goto done;
    memory_free(*out);
    *out = NULL;
    TRY(memory_copy_text(out, row->default_shown ? row->default_shown : "none", error));
done:
    return status;
}

static enum status contradiction(const struct settings *settings, const struct settings *saved,
                                 const struct settings_row *row, const char *file, struct error *error)
{
    enum status status = STATUS_OK;
    char *mine = NULL;
    char *theirs = NULL;
    TRY(show_value(&mine, settings, row, error));
    TRY(show_value(&theirs, saved, row, error));
    error_set(error, STATUS_FAILED, "option --%s", row->name);
    error_why(error, "'%s' was given, but the run in %s has '%s'", mine, file, theirs);
    status = error_remedy(error, "leave the option out, or begin another run");
done:
    memory_free(mine);
    memory_free(theirs);
    return status;
}

static enum status resume_one(struct settings *settings, const struct settings_row *row, const char *text,
                              const char *file, struct error *error)
{
    enum status status = STATUS_OK;
    struct settings saved = {0};
    if (!settings->given[row - settings_table])
        return read_saved(settings, row, text, file, error);
    if (row->on_resume == SETTINGS_MAY_DIFFER)
        return STATUS_OK;
    TRY(read_saved(&saved, row, text, file, error));
    if (!settings_equal(settings, &saved, row))
        TRY(contradiction(settings, &saved, row, file, error));
done:
    settings_free(&saved);
    return status;
}

enum status settings_saved_resume(struct settings *settings, const struct settings_saved *saved, size_t count,
                                  const char *file, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        const struct settings_row *row = settings_find(saved[i].name);
        if (row && (row->on_resume == SETTINGS_FIXED || row->on_resume == SETTINGS_MAY_DIFFER))
            TRY(resume_one(settings, row, saved[i].text, file, error));
    }
done:
    return status;
}

enum status settings_saved_shape(struct settings *settings, const struct settings_saved *saved, size_t count,
                                 const char *file, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        const struct settings_row *row = settings_find(saved[i].name);
        if (row && row->shapes_model && !settings->given[row - settings_table])
            TRY(read_saved(settings, row, saved[i].text, file, error));
    }
done:
    return status;
}

enum status settings_saved_one(struct settings *settings, const char *name,
                               const struct settings_saved *saved, size_t count, const char *file,
                               struct error *error)
{
    const struct settings_row *row = settings_find(name);
    for (size_t i = 0; i < count && !settings->given[row - settings_table]; i++) {
        if (settings_find(saved[i].name) == row)
            return read_saved(settings, row, saved[i].text, file, error);
    }
    return STATUS_OK;
}

enum status settings_saved_tokens(struct settings *settings, const struct settings_saved *saved, size_t count,
                                  const char *file, struct error *error)
{
    static const char *const names[] = {"token", "lowercase", "drop-newlines"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        TRY(settings_saved_one(settings, names[i], saved, count, file, error));
done:
    return status;
}
