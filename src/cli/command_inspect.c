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
static enum status (*const prints[])(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                                     struct error *error) = {
    [SETTINGS_FORMAT_TEXT] = inspect_text,
    [SETTINGS_FORMAT_JSON] = inspect_json,
    [SETTINGS_FORMAT_CSV] = inspect_csv,
};

/* The whole is made in memory first, so that it comes out whole or not at all. */
static enum status show(const struct inspection *inspection, const struct settings *settings,
                        struct error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return error_system(error, errno, "cannot show %s", inspection->path);
    enum status status = prints[settings->format](out, inspection, settings->vocabulary, error);
    if (fclose(out) != 0 && status == STATUS_OK)
        status = error_system(error, errno, "cannot show %s", inspection->path);
    if (status == STATUS_OK)
        status = standard_output_write(text, bytes, error);
    free(text);
    return status;
}

static enum status refuse_vocabulary(const struct inspection *inspection, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot show the vocabulary of %s", inspection->path);
    error_why(error, "there are metrics, but no checkpoint");
    return error_remedy(error, "leave --vocabulary out, or name a checkpoint");
}

enum status command_inspect(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct inspection inspection;
    TRY(inspection_open(&inspection, comm, settings->files.items[0], error));
    if (comm->rank == 0) {
        if (settings->vocabulary && !inspection.vocabulary)
            status = refuse_vocabulary(&inspection, error);
        else
            status = show(&inspection, settings, error);
    }
    TRY(agree_on_status(comm, status, error));
done:
    inspection_close(&inspection);
    return status;
}
