#include "inspection.h"

#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_specs.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/metrics_file.h"
#include "lstm_mpi/store/run_directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum status take_file(struct inspected_file *file, const char *path, struct error *error)
{
    enum status status;
    TRY(memory_copy_text(&file->path, path, error));
    TRY(file_facts_read(&file->facts, path, error));
done:
    return status;
}

static enum status take_if_there(struct inspected_file *file, const char *folder, const char *name,
                                 struct error *error)
{
    enum status status = STATUS_OK;
    struct stat facts;
    char *path = NULL;
    size_t bytes = strlen(folder) + strlen(name) + 2;
    TRY(memory_new(&path, bytes, error));
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    snprintf(path, bytes, "%s%s%s", folder, slash, name);
    if (stat(path, &facts) == 0)
        TRY(take_file(file, path, error));
    else if (errno != ENOENT)
        TRY(error_system(error, errno, "cannot read %s", path));
done:
    memory_free(path);
    return status;
}

/* Rank 0: which files are there, and what are they? */
static enum status find_files(struct inspection *inspection, struct error *error)
{
    enum status status;
    struct stat facts;
    const char *path = inspection->path;
    inspection->is_directory = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    if (!inspection->is_directory) {
        struct inspected_file file = {0};
        status = take_file(&file, path, error);
        *(file.facts.is_metrics ? &inspection->metrics_file : &inspection->checkpoint_file) = file;
        return status;
    }
    TRY(take_if_there(&inspection->checkpoint_file, path, RUN_DIRECTORY_CHECKPOINT, error));
    TRY(take_if_there(&inspection->metrics_file, path, RUN_DIRECTORY_METRICS, error));
    if (!inspection->checkpoint_file.path && !inspection->metrics_file.path) {
        error_set(error, STATUS_FAILED, "there is no run in %s", path);
        error_why(error, "it has neither a %s nor a %s", RUN_DIRECTORY_CHECKPOINT, RUN_DIRECTORY_METRICS);
        status = error_remedy(error, "name a run directory, a checkpoint or a metrics file");
    }
done:
    return status;
}

/* Collective. Rank 0 says which file it is: the others look at no folder. */
static enum status open_checkpoint(struct inspection *inspection, const struct comm *comm,
                                   struct error *error)
{
    enum status status;
    char *path = inspection->checkpoint_file.path;
    size_t bytes = path ? strlen(path) + 1 : 0;
    TRY(comm_broadcast(comm, &bytes, sizeof bytes, 0, error));
    if (bytes == 0)
        return STATUS_OK;
    if (comm->rank != 0)
        status = memory_new(&path, bytes, error);
    TRY(agree_on_status(comm, status, error));
    TRY(comm_broadcast(comm, path, bytes, 0, error));
    TRY(checkpoint_open(&inspection->checkpoint, comm, path, CHECKPOINT_MODEL, error));
done:
    if (comm->rank != 0)
        memory_free(path);
    return status;
}

static void add_setting(struct inspection *inspection, const struct settings_row *row,
                        const struct settings_saved *saved)
{
    inspection->settings[inspection->setting_count++] =
        (struct inspected_setting){row, saved->name, saved->text};
}

static enum status take_settings(struct inspection *inspection, struct error *error)
{
    enum status status;
    struct error ignored;
    const struct checkpoint *checkpoint = inspection->checkpoint;
    bool *understood = NULL;
    TRY(memory_new(&understood, checkpoint->saved_count, error));
    TRY(memory_new(&inspection->settings, checkpoint->saved_count, error));
    for (const struct settings_row *row = settings_table; row < settings_table + settings_count; row++) {
        for (size_t i = 0; i < checkpoint->saved_count; i++) {
            const struct settings_saved *saved = &checkpoint->saved[i];
            if (settings_find(saved->name) != row || understood[i])
                continue;
            understood[i] =
                settings_text_set(&inspection->values, row, saved->text, saved->name, &ignored) == STATUS_OK;
            if (understood[i])
                add_setting(inspection, row, saved);
        }
    }
    for (size_t i = 0; i < checkpoint->saved_count; i++)
        if (!understood[i])
            add_setting(inspection, NULL, &checkpoint->saved[i]);
done:
    memory_free(understood);
    return status;
}

/* Rank 0's part: what is read by one process. */
static enum status read_rest(struct inspection *inspection, struct error *error)
{
    enum status status = STATUS_OK;
    if (inspection->checkpoint) {
        inspection->history = &inspection->checkpoint->history;
        TRY(take_settings(inspection, error));
        struct token_rules rules = settings_specs_tokens(&inspection->values);
        TRY(checkpoint_read_vocabulary(&inspection->vocabulary, inspection->checkpoint, &rules, error));
    }
    if (inspection->metrics_file.path) {
        TRY(metrics_file_read(&inspection->metrics, inspection->metrics_file.path, error));
        inspection->history = &inspection->metrics;
    }
done:
    return status;
}

enum status inspection_open(struct inspection *inspection, const struct comm *comm, const char *path,
                            struct error *error)
{
    enum status status = STATUS_OK;
    *inspection = (struct inspection){.path = path};
    if (comm->rank == 0)
        status = find_files(inspection, error);
    TRY(agree_on_status(comm, status, error));
    TRY(open_checkpoint(inspection, comm, error));
    if (comm->rank == 0)
        status = read_rest(inspection, error);
    TRY(agree_on_status(comm, status, error));
done:
    return status;
}

static void free_file(struct inspected_file *file)
{
    memory_free(file->path);
    file_facts_free(&file->facts);
}

void inspection_close(struct inspection *inspection)
{
    vocabulary_destroy(inspection->vocabulary);
    history_free(&inspection->metrics);
    settings_free(&inspection->values);
    memory_free(inspection->settings);
    checkpoint_close(inspection->checkpoint);
    free_file(&inspection->checkpoint_file);
    free_file(&inspection->metrics_file);
    *inspection = (struct inspection){0};
}

bool inspection_is_below(const struct tensor *tensor, const char *group)
{
    return strncmp(tensor->path, group, strlen(group)) == 0;
}

uint64_t inspection_elements(const struct inspection *inspection, const char *group)
{
    const struct checkpoint *checkpoint = inspection->checkpoint;
    uint64_t elements = 0;
    for (size_t t = 0; checkpoint && t < checkpoint->tensor_count; t++)
        if (inspection_is_below(&checkpoint->tensors[t], group))
            elements += tensor_elements(&checkpoint->tensors[t]);
    return elements;
}
