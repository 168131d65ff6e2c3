#include "command_report.h"

#include "inspection.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/config/settings_text.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/generate/generator.h"
#include "lstm_mpi/report/report.h"
#include "lstm_mpi/store/durable_file.h"
#include "standard_output.h"
#include "terminal.h"
#include "trained_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A run, and what of its page has to be made first. Of the ranks, rank 0 alone has more than `inspection`. */
struct told_run {
    struct inspection inspection;
    struct report_setting *settings;
    struct report_sample *samples;
    size_t sample_count;
};

/* As settings_text_get, and in words where that is empty. */
static enum status show_setting(char **out, const struct inspection *inspection,
                                const struct inspected_setting *setting, struct error *error)
{
    const struct settings_row *row = setting->row;
    if (!row)
        return memory_copy_text(out, setting->text, error);
    enum status status = settings_text_get(out, &inspection->values, row, error);
    if (status != STATUS_OK || (*out)[0])
        return status;
    memory_free(*out);
    return memory_copy_text(out, row->default_shown && !row->default_text ? row->default_shown : "none",
                            error);
}

static enum status make_settings(struct told_run *run, const struct settings *defaults, struct error *error)
{
    enum status status;
    const struct inspection *inspection = &run->inspection;
    TRY(memory_new(&run->settings, inspection->setting_count, error));
    for (size_t i = 0; i < inspection->setting_count; i++) {
        const struct inspected_setting *setting = &inspection->settings[i];
        char *value;
        TRY(show_setting(&value, inspection, setting, error));
        run->settings[i] = (struct report_setting){
            .name = setting->row ? setting->row->name : setting->name,
            .value = value,
            .is_default = setting->row && settings_equal(&inspection->values, defaults, setting->row),
        };
    }
done:
    return status;
}

/* What follows a prefix; the caller frees it: free. */
static enum status write_sample(char **text, struct generator *generator, const struct trained_model *model,
                                const char *prefix, uint64_t length, struct error *error)
{
    enum status status;
    uint32_t *tokens = NULL;
    size_t count;
    size_t written;
    FILE *out = open_memstream(text, &written);
    if (!out)
        return error_system(error, errno, "cannot keep a sample");
    TRY(vocabulary_encode_text(model->vocabulary, &tokens, &count, prefix, strlen(prefix), error));
    generator_start(generator, tokens, count, 0);
    for (uint64_t i = 0; i < length; i++) {
        size_t bytes;
        const char *token = vocabulary_text(model->vocabulary, generator_next(generator)[0], &bytes);
        fwrite(token, 1, bytes, out);
    }
done:
    memory_free(tokens);
    if (fclose(out) != 0 && status == STATUS_OK)
        status = error_system(error, errno, "cannot keep a sample");
    return status;
}

/* The prefixes of the run, continued as far as the run does it. */
static enum status make_samples(struct told_run *run, struct error *error)
{
    enum { LONGEST = 2000 };
    enum status status = STATUS_OK;
    struct trained_model model = {0};
    struct generator *generator = NULL;
    struct inspection *inspection = &run->inspection;
    const struct text_list *prefixes = &inspection->values.prefix;
    const struct sampler_spec greedy = {0};
    uint64_t length = inspection->values.predict_length;
    if (!inspection->checkpoint || length == 0 || prefixes->count == 0)
        return STATUS_OK;
    TRY(trained_model_read(&model, &inspection->values, inspection->checkpoint, error));
    TRY(generator_create(&generator, &model.spec, model.weights, &greedy, 1, error));
    generator_load(generator);
    TRY(memory_new(&run->samples, prefixes->count, error));
    for (size_t p = 0; p < prefixes->count; p++) {
        char *text = NULL;
        if (!prefixes->items[p][0])
            continue;
        status = write_sample(&text, generator, &model, prefixes->items[p],
                              length < LONGEST ? length : LONGEST, error);
        run->samples[run->sample_count++] = (struct report_sample){prefixes->items[p], text};
        TRY(status);
    }
done:
    generator_destroy(generator);
    trained_model_free(&model);
    return status;
}

static struct report_run view_of(const struct told_run *run)
{
    const struct inspection *inspection = &run->inspection;
    const struct checkpoint *checkpoint = inspection->checkpoint;
    struct report_run view = {
        .name = inspection->path,
        .history = inspection->history,
        .has_checkpoint = checkpoint != NULL,
    };
    if (checkpoint) {
        view.finished = checkpoint->progress.finished;
        view.epochs = inspection->values.epochs;
        view.updates = checkpoint->progress.update;
        view.parameters = inspection_elements(inspection, "/model/");
        view.vocabulary_size = vocabulary_size(inspection->vocabulary);
        view.settings = run->settings;
        view.setting_count = inspection->setting_count;
        view.samples = run->samples;
        view.sample_count = run->sample_count;
    }
    return view;
}

static void free_run(struct told_run *run)
{
    for (size_t i = 0; i < run->inspection.setting_count && run->settings; i++)
        memory_free((char *)run->settings[i].value);
    for (size_t i = 0; i < run->sample_count; i++)
        free((char *)run->samples[i].text);
    memory_free(run->settings);
    memory_free(run->samples);
    inspection_close(&run->inspection);
}

/* The page, in memory first, so that it comes out whole or not at all. The caller frees it: free. */
static enum status make_page(char **text, size_t *bytes, const struct told_run *runs, size_t count,
                             struct error *error)
{
    enum status status;
    struct report_run *views = NULL;
    FILE *out = NULL;
    TRY(memory_new(&views, count, error));
    for (size_t r = 0; r < count; r++)
        views[r] = view_of(&runs[r]);
    out = open_memstream(text, bytes);
    if (!out)
        TRY(error_system(error, errno, "cannot make the page"));
    TRY(report_page(out, views, count, error));
done:
    if (out && fclose(out) != 0 && status == STATUS_OK)
        status = error_system(error, errno, "cannot make the page");
    memory_free(views);
    return status;
}

static enum status write_file(const char *path, const char *text, size_t bytes, struct error *error)
{
    enum status status;
    struct durable_file file = {0};
    TRY(durable_file_begin(&file, path, error));
    TRY(durable_file_write(&file, text, bytes, 0, error));
    TRY(durable_file_commit(&file, error));
    printf("wrote %s\n", path);
done:
    durable_file_remove(&file);
    durable_file_free(&file);
    return status;
}

static enum status tell(struct told_run *runs, size_t count, const struct settings *settings,
                        struct error *error)
{
    enum status status;
    struct settings defaults;
    char *text = NULL;
    size_t bytes = 0;
    const char *path = settings->output               ? settings->output
                       : terminal_of_output().present ? "report.html"
                                                      : NULL;
    TRY(settings_defaults(&defaults, SETTINGS_TRAIN, error));
    for (size_t r = 0; r < count; r++) {
        TRY(make_settings(&runs[r], &defaults, error));
        TRY(make_samples(&runs[r], error));
    }
    TRY(make_page(&text, &bytes, runs, count, error));
    TRY(path ? write_file(path, text, bytes, error) : standard_output_write(text, bytes, error));
done:
    free(text);
    settings_free(&defaults);
    return status;
}

enum status command_report(const struct comm *comm, struct settings *settings, struct error *error)
{
    enum status status;
    struct told_run *runs = NULL;
    size_t count = settings->runs.count;
    TRY(agree_on_status(comm, memory_new(&runs, count, error), error));
    for (size_t r = 0; r < count; r++)
        TRY(inspection_open(&runs[r].inspection, comm, settings->runs.items[r], error));
    if (comm->rank == 0)
        status = tell(runs, count, settings, error);
    TRY(agree_on_status(comm, status, error));
done:
    for (size_t r = 0; r < count && runs; r++)
        free_run(&runs[r]);
    memory_free(runs);
    return status;
}
