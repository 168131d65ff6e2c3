#include "command_inspect.h"

#include "inspect_csv.h"
#include "inspect_json.h"
#include "inspect_text.h"
#include "lstm_mpi/dist/agree.h"
#include "standard_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* By enum SETTINGS_FORMAT_*. */
static const struct printer {
    enum status (*one)(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                       struct error *error);
    enum status (*two)(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                       struct error *error);
} printers[] = {
    [SETTINGS_FORMAT_TEXT] = {inspect_text, inspect_text_two},
    [SETTINGS_FORMAT_JSON] = {inspect_json, inspect_json_two},
    [SETTINGS_FORMAT_CSV] = {inspect_csv, inspect_csv_two},
};

/* The whole is made in memory first, so that it comes out whole or not at all. `two` is NULL for one file. */
static enum status show(const struct inspection *one, const struct comparison *two,
                        const struct settings *settings, struct error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    const struct printer *printer = &printers[settings->format];
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return error_system(error, errno, "cannot show %s", one->path);
    enum status status = two ? printer->two(out, two, settings->vocabulary, error)
                             : printer->one(out, one, settings->vocabulary, error);
    if (fclose(out) != 0 && status == STATUS_OK)
        status = error_system(error, errno, "cannot show %s", one->path);
    if (status == STATUS_OK)
        status = standard_output_write(text, bytes, error);
    free(text);
    return status;
}

static enum status show_one(const struct inspection *inspection, const struct settings *settings,
                            struct error *error)
{
    if (!settings->vocabulary || inspection->vocabulary)
        return show(inspection, NULL, settings, error);
    error_set(error, STATUS_FAILED, "cannot show the vocabulary of %s", inspection->path);
    error_why(error, "there are metrics, but no checkpoint");
    return error_remedy(error, "leave --vocabulary out, or name a checkpoint");
}

static enum status show_two(const struct inspection inspections[2], const struct settings *settings,
                            struct error *error)
{
    enum status status = STATUS_OK;
    struct comparison comparison = {0};
    for (size_t i = 0; i < 2; i++) {
        if (inspections[i].checkpoint)
            continue;
        error_set(error, STATUS_FAILED, "cannot compare %s", inspections[i].path);
        error_why(error, "there are metrics, but no checkpoint");
        return error_remedy(error, "name two checkpoints, or run directories that have one");
    }
    TRY(comparison_make(&comparison, &inspections[0], &inspections[1], error));
    TRY(show(&inspections[0], &comparison, settings, error));
done:
    comparison_free(&comparison);
    return status;
}

enum status command_inspect(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status = STATUS_OK;
    struct inspection inspections[2] = {0};
    size_t count = settings->files.count;
    for (size_t i = 0; i < count; i++)
        TRY(inspection_open(&inspections[i], comm, settings->files.items[i], error));
    if (comm->rank == 0)
        status =
            count == 1 ? show_one(&inspections[0], settings, error) : show_two(inspections, settings, error);
    TRY(agree_on_status(comm, status, error));
done:
    for (size_t i = 0; i < count; i++)
        inspection_close(&inspections[i]);
    return status;
}
