#include "inspect_text.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/plural.h"
#include "shown.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Rows of the table of metrics, and tokens that stand for the whole vocabulary. */
enum { MOST_EPOCHS = 12, FIRST_TOKENS = 20 };

/* A line "  name          value"; the value follows with further calls of fprintf, and a newline. */
static void begin_line(FILE *out, const char *name)
{
    fprintf(out, "  %-14s", name);
}

static void print_file(FILE *out, const struct inspected_file *file)
{
    char size[SHOWN_NUMBER_BYTES];
    bool metrics = file->facts.is_metrics;
    fprintf(out, "%s\n", file->path);
    begin_line(out, "format");
    fprintf(out, "lstm_mpi %s, version %" PRIu64 ", %s\n", metrics ? "metrics" : "checkpoint",
            file->facts.format_version, shown_size(size, file->facts.bytes));
    if (file->facts.created || file->facts.program_version) {
        begin_line(out, "written");
        if (file->facts.created)
            fprintf(out, "%s", file->facts.created);
        if (file->facts.program_version)
            fprintf(out, "%sby lstm_mpi %s", file->facts.created ? " " : "", file->facts.program_version);
        fputc('\n', out);
    }
    if (!metrics) {
        begin_line(out, "checksums");
        fputs(file->facts.has_checksums ? "verified, all match\n" : "none in this file\n", out);
    }
}

static void print_progress(FILE *out, const struct inspection *inspection)
{
    char number[SHOWN_NUMBER_BYTES];
    char duration[CLOCK_TEXT_BYTES];
    const struct progress *progress = &inspection->checkpoint->progress;
    fputs("\nProgress\n", out);
    begin_line(out, "epochs");
    fputs(shown_grouped(number, progress->epoch), out);
    if (inspection->values.epochs > 0)
        fprintf(out, " of %s", shown_grouped(number, inspection->values.epochs));
    fprintf(out, "%s\n", progress->finished ? ", finished" : "");
    if (progress->batch > 0) {
        begin_line(out, "under way");
        fprintf(out, "epoch %s, ", shown_grouped(number, progress->epoch + 1));
        fprintf(out, "%s updates in, from offset %" PRIu64 "\n", shown_grouped(number, progress->batch),
                progress->start_offset);
    }
    begin_line(out, "updates");
    fprintf(out, "%s\n", shown_grouped(number, progress->update));
    begin_line(out, "trained on");
    fprintf(out, "%s targets\n", shown_grouped(number, progress->tokens_seen));
    begin_line(out, "time");
    clock_format(duration, progress->seconds);
    fprintf(out, "%s\n", duration);
}

static size_t longest_path(const struct checkpoint *checkpoint, const char *group)
{
    size_t longest = strlen("together");
    for (size_t t = 0; t < checkpoint->tensor_count; t++) {
        const struct tensor *tensor = &checkpoint->tensors[t];
        size_t length = strlen(tensor->path);
        if (inspection_is_below(tensor, group) && length - strlen(group) > longest)
            longest = length - strlen(group);
    }
    return longest;
}

static void print_tensor_row(FILE *out, int width, const char *path, const char *shape, uint64_t elements)
{
    char number[SHOWN_NUMBER_BYTES];
    char size[SHOWN_NUMBER_BYTES];
    fprintf(out, "  %-*s  %18s  %14s  %10s\n", width, path, shape, shown_grouped(number, elements),
            shown_size(size, elements * sizeof(float)));
}

static void print_tensors(FILE *out, const struct inspection *inspection, const char *group,
                          const char *heading)
{
    const struct checkpoint *checkpoint = inspection->checkpoint;
    int width = (int)longest_path(checkpoint, group);
    size_t rows = 0;
    for (size_t t = 0; t < checkpoint->tensor_count; t++) {
        char shape[SHOWN_SHAPE_BYTES];
        const struct tensor *tensor = &checkpoint->tensors[t];
        if (!inspection_is_below(tensor, group))
            continue;
        if (rows++ == 0)
            fprintf(out, "\n%s\n  %-*s  %18s  %14s  %10s\n", heading, width, "tensor", "shape", "numbers",
                    "size");
        print_tensor_row(out, width, tensor->path + strlen(group), shown_shape(shape, tensor),
                         tensor_elements(tensor));
    }
    if (rows > 1)
        print_tensor_row(out, width, "together", "", inspection_elements(inspection, group));
}

/* Of all tokens; 0 where the file keeps no counts. */
static uint64_t sum_of_counts(const struct vocabulary *vocabulary)
{
    uint64_t sum = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        sum += vocabulary_count(vocabulary, id);
    return sum;
}

static void summarize_vocabulary(FILE *out, const struct vocabulary *vocabulary)
{
    char number[SHOWN_NUMBER_BYTES];
    size_t size = vocabulary_size(vocabulary);
    fputs("\nVocabulary\n", out);
    begin_line(out, "size");
    fprintf(out, "%s, <unk> included\n", shown_grouped(number, size));
    if (size <= 1)
        return;
    begin_line(out, sum_of_counts(vocabulary) > 0 ? "commonest" : "first");
    for (uint32_t id = 1; id < size && id <= FIRST_TOKENS; id++) {
        if (id > 1)
            fputc(' ', out);
        shown_token(out, vocabulary_shown(vocabulary, id));
    }
    fputc('\n', out);
}

static void list_vocabulary(FILE *out, const struct vocabulary *vocabulary)
{
    uint64_t sum = sum_of_counts(vocabulary);
    size_t size = vocabulary_size(vocabulary);
    fprintf(out, "\nTokens\n  %8s  %10s  %14s  %7s  %s\n", "id", "code point", "count", "share", "token");
    for (uint32_t id = 0; id < size; id++) {
        char number[SHOWN_NUMBER_BYTES];
        char code_point[SHOWN_NUMBER_BYTES] = "-";
        uint64_t count = vocabulary_count(vocabulary, id);
        if (id != VOCABULARY_UNKNOWN && vocabulary_has_code_points(vocabulary))
            snprintf(code_point, sizeof code_point, "U+%04" PRIX32, vocabulary_code_point(vocabulary, id));
        fprintf(out, "  %8" PRIu32 "  %10s  %14s  %6.2f%%  ", id, code_point, shown_grouped(number, count),
                sum > 0 ? 100 * (double)count / (double)sum : 0.0);
        shown_token(out, vocabulary_shown(vocabulary, id));
        fputc('\n', out);
    }
}

static void print_list(FILE *out, const struct text_list *list, const struct settings_row *row)
{
    if (list->count == 0)
        fputs(row->default_shown ? row->default_shown : "none", out);
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
}

static void print_setting(FILE *out, const struct settings *values, const struct settings_row *row,
                          const char *saved)
{
    const void *value = settings_value(values, row);
    if (row->kind == SETTINGS_TEXTS)
        print_list(out, value, row);
    else if (row->kind == SETTINGS_FLAG)
        fputs(*(const bool *)value ? "on" : "off", out);
    else if (row->kind == SETTINGS_REAL)
        fprintf(out, "%.12g", *(const double *)value);
    else
        fputs(saved[0] ? saved : "none", out);
}

/* Values that are not the default ones are marked, for they are what a reader looks for. */
static void print_settings(FILE *out, const struct inspection *inspection, const struct settings *defaults)
{
    const char *group = "";
    if (inspection->setting_count > 0)
        fputs("\nSettings, with * where not the default\n", out);
    for (size_t i = 0; i < inspection->setting_count; i++) {
        const struct inspected_setting *setting = &inspection->settings[i];
        const struct settings_row *row = setting->row;
        const char *its_group = row ? row->group : "Of another version of the program";
        bool changed = row && !settings_equal(&inspection->values, defaults, row);
        if (strcmp(its_group, group) != 0)
            fprintf(out, "  %s\n", its_group);
        group = its_group;
        fprintf(out, "  %c %-26s", changed ? '*' : ' ', row ? row->name : setting->name);
        if (row)
            print_setting(out, &inspection->values, row, setting->text);
        else
            fputs(setting->text, out);
        fputc('\n', out);
    }
}

static bool has_validation(const struct history *history)
{
    for (size_t e = 0; e < history->count; e++)
        if (isfinite(history->records[e].valid_perplexity))
            return true;
    return false;
}

static void print_perplexity(FILE *out, double perplexity)
{
    if (!isfinite(perplexity))
        fprintf(out, "  %12s", isnan(perplexity) ? "-" : "infinite");
    else
        fprintf(out, perplexity < 1e6 ? "  %12.3f" : "  %12.3e", perplexity);
}

static void print_epoch(FILE *out, const struct epoch_record *record, bool validation)
{
    char number[SHOWN_NUMBER_BYTES];
    char elapsed[CLOCK_TEXT_BYTES];
    clock_format(elapsed, record->seconds);
    fprintf(out, "  %7" PRId64, record->epoch);
    print_perplexity(out, record->perplexity);
    if (validation)
        print_perplexity(out, record->valid_perplexity);
    fprintf(out, "  %10s  %10.3f  %10s\n",
            isfinite(record->tokens_per_second) && record->tokens_per_second >= 0
                ? shown_grouped(number, (uint64_t)fmin(record->tokens_per_second, 1e18))
                : "-",
            record->grad_norm, elapsed);
}

struct span {
    double least, most;
};

static void widen(struct span *span, double value)
{
    span->least = fmin(span->least, value);
    span->most = fmax(span->most, value);
}

/* Where the ranks of the last epoch spent their time: from the one with the least to the one with the most.
 */
static void print_rank_times(FILE *out, const struct history *history)
{
    const struct rank_times *times = history->times + (history->count - 1) * history->ranks;
    struct span compute = {INFINITY, -INFINITY};
    struct span wait = {INFINITY, -INFINITY};
    size_t ranks = 0;
    for (size_t r = 0; r < history->ranks; r++) {
        if (isnan(times[r].compute_seconds))
            continue;
        ranks++;
        widen(&compute, times[r].compute_seconds);
        widen(&wait, times[r].wait_seconds);
    }
    if (ranks == 1)
        fprintf(out, "  the last epoch, on 1 rank: %.3f s computing, %.3f s waiting\n", compute.most,
                wait.most);
    else if (ranks > 1)
        fprintf(out, "  the last epoch, on %zu ranks: %.3f to %.3f s computing, %.3f to %.3f s waiting\n",
                ranks, compute.least, compute.most, wait.least, wait.most);
}

/* The first and the last epoch, and some evenly between them. */
static void print_metrics(FILE *out, const struct history *history)
{
    char number[SHOWN_NUMBER_BYTES];
    size_t rows = history->count < MOST_EPOCHS ? history->count : MOST_EPOCHS;
    bool validation = has_validation(history);
    if (history->count == 0) {
        fputs("\nMetrics\n  of no epoch yet\n", out);
        return;
    }
    fprintf(out, "\nMetrics of %s epoch%s", shown_grouped(number, history->count), plural(history->count));
    if (rows < history->count)
        fprintf(out, ", %zu of them shown", rows);
    fprintf(out, "\n  %7s  %12s", "epoch", "perplexity");
    if (validation)
        fprintf(out, "  %12s", "validation");
    fprintf(out, "  %10s  %10s  %10s\n", "tokens/s", "grad-norm", "elapsed");
    for (size_t i = 0; i < rows; i++) {
        size_t epoch = rows == 1 ? 0 : i * (history->count - 1) / (rows - 1);
        print_epoch(out, &history->records[epoch], validation);
    }
    print_rank_times(out, history);
}

static void print_checkpoint(FILE *out, const struct inspection *inspection, const struct settings *defaults)
{
    if (inspection->checkpoint_file.facts.has_progress)
        print_progress(out, inspection);
    print_tensors(out, inspection, "/model/", "Parameters");
    print_tensors(out, inspection, "/state/", "Carried state");
    print_tensors(out, inspection, "/optimizer/", "Optimizer");
    summarize_vocabulary(out, inspection->vocabulary);
    print_settings(out, inspection, defaults);
}

enum status inspect_text(FILE *out, const struct inspection *inspection, bool with_vocabulary,
                         struct error *error)
{
    enum status status;
    struct settings defaults;
    TRY(settings_defaults(&defaults, SETTINGS_TRAIN, error));
    if (inspection->checkpoint_file.path)
        print_file(out, &inspection->checkpoint_file);
    if (inspection->checkpoint_file.path && inspection->metrics_file.path)
        fputc('\n', out);
    if (inspection->metrics_file.path)
        print_file(out, &inspection->metrics_file);
    if (inspection->checkpoint)
        print_checkpoint(out, inspection, &defaults);
    if (inspection->history->count > 0 || !inspection->checkpoint ||
        inspection->checkpoint_file.facts.has_progress)
        print_metrics(out, inspection->history);
    if (with_vocabulary)
        list_vocabulary(out, inspection->vocabulary);
    if (ferror(out))
        status = error_set(error, STATUS_FAILED, "cannot show %s", inspection->path);
done:
    settings_free(&defaults);
    return status;
}

/* Two checkpoints */

static void print_verdicts(FILE *out, const struct comparison *comparison)
{
    fprintf(out, "%s\nand %s\n", comparison->left->checkpoint_file.path,
            comparison->right->checkpoint_file.path);
    begin_line(out, "model");
    fputs(comparison->same_model ? "the same, bit for bit\n" : "differs\n", out);
    begin_line(out, "vocabulary");
    fputs(!comparison->same_vocabulary ? "differs\n"
          : comparison->same_counts    ? "the same\n"
                                       : "the same, with other counts\n",
          out);
    begin_line(out, "settings");
    if (comparison->setting_count > 0)
        fprintf(out, "%zu differ%s\n", comparison->setting_count, comparison->setting_count == 1 ? "s" : "");
    else
        fputs("the same\n", out);
}

static void print_numbers_of_both(FILE *out, const char *name, uint64_t left, uint64_t right)
{
    char numbers[2][SHOWN_NUMBER_BYTES];
    begin_line(out, name);
    fprintf(out, "%14s  %14s\n", shown_grouped(numbers[0], left), shown_grouped(numbers[1], right));
}

static void print_both_progresses(FILE *out, const struct comparison *comparison)
{
    const struct progress *left = &comparison->left->checkpoint->progress;
    const struct progress *right = &comparison->right->checkpoint->progress;
    fputs("\nProgress\n", out);
    print_numbers_of_both(out, "epochs", left->epoch, right->epoch);
    print_numbers_of_both(out, "updates", left->update, right->update);
    print_numbers_of_both(out, "trained on", left->tokens_seen, right->tokens_seen);
}

/* A list in one line; flags and what is empty in words. */
static void print_saved(FILE *out, const struct settings_row *row, const char *text)
{
    if (!text)
        text = "not there";
    else if (row && row->kind == SETTINGS_FLAG)
        text = strcmp(text, "1") == 0 || strcmp(text, "true") == 0 ? "on" : "off";
    else if (!text[0])
        text = row && row->default_shown && !row->default_text ? row->default_shown : "none";
    for (; *text; text++) {
        if (*text == '\n')
            fputs(", ", out);
        else
            fputc(*text, out);
    }
}

static void print_differing_settings(FILE *out, const struct comparison *comparison)
{
    if (comparison->setting_count > 0)
        fputs("\nSettings that differ\n", out);
    for (size_t i = 0; i < comparison->setting_count; i++) {
        const struct compared_setting *setting = &comparison->settings[i];
        const struct settings_row *row = settings_find(setting->name);
        fprintf(out, "  %-26s", row ? row->name : setting->name);
        print_saved(out, row, setting->left);
        fputs("  |  ", out);
        print_saved(out, row, setting->right);
        fputc('\n', out);
    }
}

static void print_some_tokens(FILE *out, const char *where, const struct vocabulary *vocabulary,
                              const uint32_t *ids, size_t count, bool all)
{
    char number[SHOWN_NUMBER_BYTES];
    if (count == 0)
        return;
    fprintf(out, "  %s in the %s alone:", shown_grouped(number, count), where);
    size_t shown = all || count < FIRST_TOKENS ? count : FIRST_TOKENS;
    for (size_t i = 0; i < shown; i++) {
        fputc(' ', out);
        shown_token(out, vocabulary_shown(vocabulary, ids[i]));
    }
    fputs(shown < count ? " …\n" : "\n", out);
}

static void print_differing_tokens(FILE *out, const struct comparison *comparison, bool all)
{
    char number[SHOWN_NUMBER_BYTES];
    if (comparison->same_vocabulary)
        return;
    fputs("\nVocabulary\n", out);
    print_some_tokens(out, "first", comparison->left->vocabulary, comparison->left_only,
                      comparison->left_only_count, all);
    print_some_tokens(out, "second", comparison->right->vocabulary, comparison->right_only,
                      comparison->right_only_count, all);
    if (comparison->moved > 0)
        fprintf(out, "  %s in both, with other ids\n", shown_grouped(number, comparison->moved));
}

static void print_compared_tensor(FILE *out, const struct compared_tensor *tensor, int width)
{
    char shapes[2][SHOWN_SHAPE_BYTES];
    char number[SHOWN_NUMBER_BYTES];
    fprintf(out, "  %-*s  ", width, tensor->path + 1);
    if (!tensor->left || !tensor->right)
        fprintf(out, "in the %s alone, %s\n", tensor->left ? "first" : "second",
                shown_shape(shapes[0], tensor->left ? tensor->left : tensor->right));
    else if (!tensor->compared)
        fprintf(out, "%s, and %s\n", shown_shape(shapes[0], tensor->left),
                shown_shape(shapes[1], tensor->right));
    else if (tensor->differing == 0)
        fprintf(out, "%14s  %10s  %10s  %10.4g  %10.4g  %10s\n", "none", "", "", tensor->left_norm,
                tensor->right_norm, "");
    else
        fprintf(out, "%14s  %10.3g  %10.3g  %10.4g  %10.4g  %10.3g\n",
                shown_grouped(number, tensor->differing), tensor->most, tensor->most_relative,
                tensor->left_norm, tensor->right_norm, tensor->difference_norm);
}

static void print_compared_tensors(FILE *out, const struct comparison *comparison)
{
    int width = (int)strlen("tensor");
    for (size_t t = 0; t < comparison->tensor_count; t++) {
        int length = (int)strlen(comparison->tensors[t].path) - 1;
        width = length > width ? length : width;
    }
    fprintf(out,
            "\nTensors, with the numbers that differ, by how much at most, and relative to their size\n");
    fprintf(out, "  %-*s  %14s  %10s  %10s  %10s  %10s  %10s\n", width, "tensor", "differing", "most",
            "relative", "norm 1", "norm 2", "of change");
    for (size_t t = 0; t < comparison->tensor_count; t++)
        print_compared_tensor(out, &comparison->tensors[t], width);
}

enum status inspect_text_two(FILE *out, const struct comparison *comparison, bool with_vocabulary,
                             struct error *error)
{
    print_verdicts(out, comparison);
    print_both_progresses(out, comparison);
    print_differing_settings(out, comparison);
    print_differing_tokens(out, comparison, with_vocabulary);
    print_compared_tensors(out, comparison);
    return ferror(out) ? error_set(error, STATUS_FAILED, "cannot show the comparison") : STATUS_OK;
}
