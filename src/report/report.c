#include "lstm_mpi/report/report.h"
#include "axis.h"
#include "chart.h"
#include "html.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"
#include "rank_charts.h"
#include "report_style.h"

#include <math.h>
#include <string.h>

/* The runs, and what the page needs of them besides. */
struct page {
    FILE *out;
    const struct report_run *runs;
    size_t count;
    double **epochs;          /* of each run, as curves take them */
    char (*validation)[128];  /* names of the lines of validation */
    struct chart_line *lines; /* [2 · count] */
};

static const struct epoch_record *last_record(const struct report_run *run)
{
    return run->history->count > 0 ? &run->history->records[run->history->count - 1] : NULL;
}

/* Charts over all runs */

enum x_axis { OVER_EPOCHS, OVER_TIME };

static struct curve curve_of(const struct page *page, size_t r, size_t offset, enum x_axis over,
                             double x_unit)
{
    const struct history *history = page->runs[r].history;
    const char *records = (const char *)history->records;
    struct curve curve = {
        .x = {page->epochs[r], sizeof(double)},
        .y = {records + offset, sizeof *history->records},
        .count = history->count,
        .x_unit = x_unit,
    };
    if (over == OVER_TIME)
        curve.x = (struct column){records + offsetof(struct epoch_record, seconds), sizeof *history->records};
    return curve;
}

static size_t add_lines(struct page *page, size_t used, size_t offset, enum x_axis over, double x_unit)
{
    bool validation = offset == offsetof(struct epoch_record, valid_perplexity);
    for (size_t r = 0; r < page->count; r++) {
        if (page->runs[r].history->count == 0)
            continue;
        struct chart_line *line = &page->lines[used++];
        *line = (struct chart_line){
            .name = validation ? page->validation[r] : page->runs[r].name,
            .curve = curve_of(page, r, offset, over, x_unit),
            .colour = r,
            .dashed = validation,
        };
        line->curve.bridges = validation;
    }
    return used;
}

struct time_unit {
    double seconds;
    const char *name;
    const char *label;
};

/* Of a size that makes readable numbers of the longest run. */
static struct time_unit find_time_unit(const struct page *page)
{
    static const struct time_unit units[] = {
        {1, "second", "time, seconds"}, {60, "minute", "time, minutes"}, {3600, "hour", "time, hours"}};
    double longest = 0;
    for (size_t r = 0; r < page->count; r++)
        if (last_record(&page->runs[r]))
            longest = fmax(longest, last_record(&page->runs[r])->seconds);
    return units[longest < 300 ? 0 : longest < 5.0 * 3600 ? 1 : 2];
}

static void write_perplexity(struct page *page, const char *title, enum x_axis over)
{
    struct time_unit unit =
        over == OVER_TIME ? find_time_unit(page) : (struct time_unit){1, "epoch", "epoch"};
    struct chart chart = {
        .title = title,
        .x_label = unit.label,
        .y_label = "perplexity",
        .x_name = unit.name,
        .whole_x = over == OVER_EPOCHS,
        .may_bend = true,
        .lines = page->lines,
    };
    size_t used = add_lines(page, 0, offsetof(struct epoch_record, perplexity), over, unit.seconds);
    chart.line_count =
        add_lines(page, used, offsetof(struct epoch_record, valid_perplexity), over, unit.seconds);
    chart_write(page->out, &chart);
}

static void write_metric(struct page *page, const char *title, const char *label, size_t offset,
                         bool may_bend)
{
    struct chart chart = {
        .title = title,
        .x_label = "epoch",
        .y_label = label,
        .x_name = "epoch",
        .whole_x = true,
        .may_bend = may_bend,
        .from_zero = true,
        .lines = page->lines,
        .line_count = add_lines(page, 0, offset, OVER_EPOCHS, 1),
    };
    chart_write(page->out, &chart);
}

static void write_curves(struct page *page)
{
    fputs("<h2>Curves</h2>\n<div class=\"charts\">\n", page->out);
    write_perplexity(page, "Perplexity", OVER_EPOCHS);
    write_perplexity(page, "Perplexity against time", OVER_TIME);
    write_metric(page, "Speed", "tokens a second", offsetof(struct epoch_record, tokens_per_second), false);
    write_metric(page, "Norm of the gradient, before clipping", "gradient norm",
                 offsetof(struct epoch_record, grad_norm), true);
    fputs("</div>\n", page->out);
}

static enum status write_ranks(const struct page *page, struct error *error)
{
    enum status status = STATUS_OK;
    fputs("<h2>Ranks</h2>\n", page->out);
    for (size_t r = 0; r < page->count; r++) {
        const struct report_run *run = &page->runs[r];
        if (run->history->count == 0 || run->history->ranks == 0)
            continue;
        fputs("<h3>", page->out);
        html_text(page->out, run->name);
        fputs("</h3>\n<div class=\"charts narrow\">\n", page->out);
        TRY(rank_charts_write(page->out, run, page->epochs[r], error));
        fputs("</div>\n", page->out);
    }
done:
    return status;
}

/* The table of runs */

static void write_number(FILE *out, double value, void (*format)(char text[AXIS_TEXT_BYTES], double value))
{
    char text[AXIS_TEXT_BYTES];
    format(text, value);
    fprintf(out, "<td class=\"number\">%s</td>", isnan(value) ? "–" : isinf(value) ? "infinite" : text);
}

static double best_of(const struct history *history, size_t offset)
{
    double best = NAN;
    for (size_t e = 0; e < history->count; e++) {
        double value;
        memcpy(&value, (const char *)&history->records[e] + offset, sizeof value);
        best = fmin(best, value);
    }
    return best;
}

static size_t ranks_now(const struct history *history)
{
    size_t ranks = 0;
    for (size_t r = 0; history->count > 0 && r < history->ranks; r++)
        ranks += isnan(history->times[(history->count - 1) * history->ranks + r].compute_seconds) ? 0 : 1;
    return ranks;
}

static void write_state(FILE *out, const struct report_run *run)
{
    char text[AXIS_TEXT_BYTES];
    const struct epoch_record *last = last_record(run);
    axis_format_whole(text, last ? (double)last->epoch : 0);
    fprintf(out, "<td class=\"number\">%s", text);
    if (run->has_checkpoint) {
        axis_format_whole(text, (double)run->epochs);
        fprintf(out, " of %s", text);
    }
    fprintf(out, "</td><td>%s</td>",
            !run->has_checkpoint ? "no checkpoint"
            : run->finished      ? "finished"
                                 : "under way or stopped");
}

static void write_run(const struct page *page, size_t r)
{
    FILE *out = page->out;
    const struct report_run *run = &page->runs[r];
    const struct epoch_record *last = last_record(run);
    char time[CLOCK_TEXT_BYTES] = "–";
    if (last && last->seconds >= 0 && last->seconds < 1e12)
        clock_format(time, last->seconds);
    fprintf(
        out,
        "<tr><td class=\"name\"><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line c%zu%s\" "
        "d=\"M1,4H23\"/></svg> ",
        r % CHART_COLOURS, r >= CHART_COLOURS ? " dotted" : "");
    html_text(out, run->name);
    fputs("</td>", out);
    write_state(out, run);
    write_number(out, last ? last->perplexity : NAN, axis_format);
    write_number(out, best_of(run->history, offsetof(struct epoch_record, perplexity)), axis_format);
    write_number(out, best_of(run->history, offsetof(struct epoch_record, valid_perplexity)), axis_format);
    write_number(out, last ? round(last->tokens_per_second) : NAN, axis_format_whole);
    fprintf(out, "<td class=\"number\">%zu</td><td class=\"number\">%s</td>", ranks_now(run->history), time);
    write_number(out, run->has_checkpoint ? (double)run->parameters : NAN, axis_format_whole);
    write_number(out, run->has_checkpoint ? (double)run->vocabulary_size : NAN, axis_format_whole);
    fputs("</tr>\n", out);
}

static void write_runs(const struct page *page)
{
    fputs("<div class=\"scroll\"><table>\n<tr><th>run</th><th class=\"number\">epoch</th><th></th>"
          "<th class=\"number\">perplexity</th><th class=\"number\">best</th>"
          "<th class=\"number\">best validation</th><th class=\"number\">tokens/s</th>"
          "<th class=\"number\">ranks</th><th class=\"number\">time</th>"
          "<th class=\"number\">parameters</th><th class=\"number\">vocabulary</th></tr>\n",
          page->out);
    for (size_t r = 0; r < page->count; r++)
        write_run(page, r);
    fputs("</table></div>\n", page->out);
}

/* Settings and samples */

static const struct report_setting *find_setting(const struct report_run *run, const char *name)
{
    for (size_t i = 0; i < run->setting_count; i++)
        if (strcmp(run->settings[i].name, name) == 0)
            return &run->settings[i];
    return NULL;
}

static bool differs(const struct page *page, const char *name)
{
    const struct report_setting *first = NULL;
    for (size_t r = 0; r < page->count; r++) {
        const struct report_setting *setting = find_setting(&page->runs[r], name);
        if (!page->runs[r].has_checkpoint)
            continue;
        if (!setting || (first && strcmp(first->value, setting->value) != 0))
            return true;
        first = setting;
    }
    return false;
}

static bool is_usual(const struct page *page, const char *name)
{
    for (size_t r = 0; r < page->count; r++) {
        const struct report_setting *setting = find_setting(&page->runs[r], name);
        if (setting && !setting->is_default)
            return false;
    }
    return true;
}

static void write_setting(const struct page *page, const char *name)
{
    fprintf(page->out, "<tr%s><td>", differs(page, name) ? " class=\"differs\"" : "");
    html_text(page->out, name);
    fputs("</td>", page->out);
    for (size_t r = 0; r < page->count; r++) {
        const struct report_setting *setting = find_setting(&page->runs[r], name);
        if (!page->runs[r].has_checkpoint)
            continue;
        fprintf(page->out, "<td%s>", setting && !setting->is_default ? " class=\"changed\"" : "");
        html_text(page->out, setting ? setting->value : "–");
        fputs("</td>", page->out);
    }
    fputs("</tr>\n", page->out);
}

static bool is_named_before(const struct page *page, size_t run, const char *name)
{
    for (size_t r = 0; r < run; r++)
        if (find_setting(&page->runs[r], name))
            return true;
    return false;
}

/* The settings that are usual in all runs, or the others; one table, one column a run. */
static void write_setting_table(const struct page *page, bool usual)
{
    fputs("<div class=\"scroll\"><table>\n<tr><th>setting</th>", page->out);
    for (size_t r = 0; r < page->count; r++) {
        if (!page->runs[r].has_checkpoint)
            continue;
        fputs("<th>", page->out);
        html_text(page->out, page->runs[r].name);
        fputs("</th>", page->out);
    }
    fputs("</tr>\n", page->out);
    for (size_t r = 0; r < page->count; r++) {
        for (size_t i = 0; i < page->runs[r].setting_count; i++) {
            const char *name = page->runs[r].settings[i].name;
            if (!is_named_before(page, r, name) && is_usual(page, name) == usual)
                write_setting(page, name);
        }
    }
    fputs("</table></div>\n", page->out);
}

static void write_settings(const struct page *page)
{
    size_t settings = 0;
    for (size_t r = 0; r < page->count; r++)
        settings += page->runs[r].setting_count;
    if (settings == 0)
        return;
    fputs("<h2>Settings</h2>\n", page->out);
    if (page->count > 1)
        fputs("<p class=\"faint\">A mark at the left: the runs differ. Bold: not the default.</p>\n",
              page->out);
    write_setting_table(page, false);
    fputs("<details><summary>Settings that have their default</summary>\n", page->out);
    write_setting_table(page, true);
    fputs("</details>\n", page->out);
}

static void write_samples(const struct page *page)
{
    fputs("<h2>Samples</h2>\n<p class=\"faint\">What the newest checkpoint makes of a prefix, always taking "
          "the "
          "likeliest.</p>\n",
          page->out);
    for (size_t r = 0; r < page->count; r++) {
        const struct report_run *run = &page->runs[r];
        fputs("<h3>", page->out);
        html_text(page->out, run->name);
        fputs("</h3>\n", page->out);
        if (run->sample_count == 0)
            fprintf(page->out, "<p class=\"faint\">%s</p>\n",
                    run->has_checkpoint ? "The run has no samples." : "There is no checkpoint.");
        for (size_t s = 0; s < run->sample_count; s++) {
            fputs("<blockquote><b>", page->out);
            html_text(page->out, run->samples[s].prefix);
            fputs("</b>", page->out);
            html_text(page->out, run->samples[s].text);
            fputs("</blockquote>\n", page->out);
        }
    }
}

/* The page */

static void write_head(const struct page *page)
{
    char now[CLOCK_TEXT_BYTES];
    clock_utc(now);
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          page->out);
    for (size_t r = 0; r < page->count && r < 3; r++) {
        html_text(page->out, page->runs[r].name);
        fputs(r + 1 < page->count ? ", " : "", page->out);
    }
    fputs(page->count > 3 ? "… – lstm_mpi</title>\n<style>\n" : " – lstm_mpi</title>\n<style>\n", page->out);
    fwrite(report_style_text, 1, report_style_bytes, page->out);
    fprintf(page->out,
            "</style>\n</head>\n<body>\n<h1>%zu run%s of lstm_mpi</h1>\n<p class=\"faint\">as of %s</p>\n",
            page->count, plural(page->count), now);
}

static enum status prepare(struct page *page, struct error *error)
{
    enum status status;
    TRY(memory_new(&page->epochs, page->count, error));
    TRY(memory_new(&page->validation, page->count, error));
    TRY(memory_new(&page->lines, 2 * page->count, error));
    for (size_t r = 0; r < page->count; r++) {
        const struct history *history = page->runs[r].history;
        snprintf(page->validation[r], sizeof *page->validation, "%.100s, validation", page->runs[r].name);
        TRY(memory_new(&page->epochs[r], history->count, error));
        for (size_t e = 0; e < history->count; e++)
            page->epochs[r][e] = (double)history->records[e].epoch;
    }
done:
    return status;
}

enum status report_page(FILE *out, const struct report_run *runs, size_t count, struct error *error)
{
    enum status status;
    size_t epochs = 0;
    struct page page = {.out = out, .runs = runs, .count = count};
    TRY(prepare(&page, error));
    for (size_t r = 0; r < count; r++)
        epochs += runs[r].history->count;
    write_head(&page);
    write_runs(&page);
    if (epochs > 0) {
        write_curves(&page);
        TRY(write_ranks(&page, error));
    } else {
        fputs("<p>No epoch is complete yet.</p>\n", out);
    }
    write_samples(&page);
    write_settings(&page);
    fputs("</body>\n</html>\n", out);
done:
    for (size_t r = 0; r < count && page.epochs; r++)
        memory_free(page.epochs[r]);
    memory_free(page.epochs);
    memory_free(page.validation);
    memory_free(page.lines);
    return status;
}
