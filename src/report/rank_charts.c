#include "rank_charts.h"
#include "axis.h"
#include "chart.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/plural.h"

#include <math.h>
#include <stdlib.h>

/* Up to so many ranks each is a line; of more, three lines tell. Bars of so many ranks are told apart. */
enum { MOST_LINES = 8, MOST_BARS = 512, QUANTILES = 3, NAME_BYTES = 32 };

/* One of the two times of a rank. */
struct kind {
    const char *title;
    size_t offset;
};

static const struct kind kinds[] = {
    {"Computing", offsetof(struct rank_times, compute_seconds)},
    {"Waiting for other ranks", offsetof(struct rank_times, wait_seconds)},
};

static double time_of(const struct history *history, size_t epoch, size_t rank, const struct kind *kind)
{
    const struct rank_times *times = &history->times[epoch * history->ranks + rank];
    return *(const double *)(const void *)((const char *)times + kind->offset);
}

static void write_chart(FILE *out, const struct kind *kind, const struct chart_line *lines, size_t count)
{
    const struct chart chart = {
        .title = kind->title,
        .x_label = "epoch",
        .y_label = "seconds an epoch",
        .x_name = "epoch",
        .whole_x = true,
        .from_zero = true,
        .lines = lines,
        .line_count = count,
    };
    chart_write(out, &chart);
}

static struct curve curve_of(const double *epochs, const void *first, size_t stride, size_t count)
{
    return (struct curve){.x = {epochs, sizeof *epochs}, .y = {first, stride}, .count = count, .x_unit = 1};
}

static void write_lines(FILE *out, const struct history *history, const double *epochs,
                        const struct kind *kind)
{
    struct chart_line lines[MOST_LINES];
    char names[MOST_LINES][NAME_BYTES];
    for (size_t r = 0; r < history->ranks; r++) {
        snprintf(names[r], NAME_BYTES, "rank %zu", r);
        lines[r] = (struct chart_line){
            .name = names[r],
            .curve = curve_of(epochs, (const char *)&history->times[r] + kind->offset,
                              history->ranks * sizeof *history->times, history->count),
            .colour = r,
        };
    }
    write_chart(out, kind, lines, history->ranks);
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The least, the median and the most of an epoch's ranks; not a number where there is none. */
static void find_quantiles(double quantiles[QUANTILES], double *sorted, const struct history *history,
                           size_t epoch, const struct kind *kind)
{
    size_t count = 0;
    for (size_t r = 0; r < history->ranks; r++) {
        double seconds = time_of(history, epoch, r, kind);
        if (axis_shows(seconds))
            sorted[count++] = seconds;
    }
    qsort(sorted, count, sizeof *sorted, by_size);
    for (size_t q = 0; q < QUANTILES; q++)
        quantiles[q] = count > 0 ? sorted[q * (count - 1) / (QUANTILES - 1)] : (double)NAN;
}

static enum status write_quantiles(FILE *out, const struct history *history, const double *epochs,
                                   const struct kind *kind, struct error *error)
{
    enum status status;
    static const char *const names[QUANTILES] = {"least of the ranks", "median", "most of the ranks"};
    static const size_t colours[QUANTILES] = {2, 0, 1};
    struct chart_line lines[QUANTILES];
    double *sorted = NULL;
    double(*quantiles)[QUANTILES] = NULL;
    TRY(memory_new(&sorted, history->ranks, error));
    TRY(memory_new(&quantiles, history->count, error));
    for (size_t e = 0; e < history->count; e++)
        find_quantiles(quantiles[e], sorted, history, e, kind);
    for (size_t q = 0; q < QUANTILES; q++)
        lines[q] = (struct chart_line){
            .name = names[q],
            .curve = curve_of(epochs, &quantiles[0][q], sizeof *quantiles, history->count),
            .colour = colours[q],
        };
    write_chart(out, kind, lines, QUANTILES);
done:
    memory_free(sorted);
    memory_free(quantiles);
    return status;
}

/* What a rank spent in the mean, over the epochs that it was there. */
struct mean {
    double seconds[2]; /* by kinds[] */
    size_t epochs;
};

static struct mean mean_of(const struct history *history, size_t rank)
{
    struct mean mean = {0};
    for (size_t e = 0; e < history->count; e++) {
        double compute = time_of(history, e, rank, &kinds[0]);
        double wait = time_of(history, e, rank, &kinds[1]);
        if (!axis_shows(compute) || !axis_shows(wait))
            continue;
        mean.seconds[0] += compute;
        mean.seconds[1] += wait;
        mean.epochs++;
    }
    for (size_t k = 0; k < 2 && mean.epochs > 0; k++)
        mean.seconds[k] = fmax(mean.seconds[k] / (double)mean.epochs, 0);
    return mean;
}

enum { LEFT = 84, RIGHT = 548, TOP = 6, AXIS_HEIGHT = 46, WIDTH = 560 };

static void write_bar(FILE *out, const struct mean *mean, const struct axis *axis, size_t rank, double y,
                      double height, bool labelled)
{
    char text[2][AXIS_TEXT_BYTES];
    double from = axis_place(axis, 0);
    double middle = axis_place(axis, mean->seconds[0]);
    double to = axis_place(axis, mean->seconds[0] + mean->seconds[1]);
    axis_format(text[0], mean->seconds[0]);
    axis_format(text[1], mean->seconds[1]);
    fprintf(out, "<g><title>rank %zu, mean of %zu epoch%s\ncomputing: %s s\nwaiting: %s s</title>", rank,
            mean->epochs, plural(mean->epochs), text[0], text[1]);
    if (labelled)
        fprintf(out, "<text class=\"rank\" x=\"%d\" y=\"%.1f\">rank %zu</text>", LEFT - 8, y + height / 2 + 4,
                rank);
    fprintf(out,
            "<rect class=\"compute\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
            "<rect class=\"wait\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/></g>\n",
            from, y, middle - from, height, middle, y, to - middle, height);
}

static void write_seconds(FILE *out, const struct axis *axis, double bottom)
{
    char text[AXIS_TEXT_BYTES];
    fputs("<g class=\"grid\">", out);
    for (size_t t = 0; t < axis->tick_count; t++) {
        double x = axis_place(axis, axis->ticks[t]);
        axis_format(text, axis->ticks[t]);
        fprintf(out, "<path d=\"M%.1f,%dV%.1f\"/><text class=\"x\" x=\"%.1f\" y=\"%.1f\">%s</text>", x, TOP,
                bottom, x, bottom + 16, text);
    }
    fprintf(out, "<text class=\"x\" x=\"%d\" y=\"%.1f\">seconds an epoch</text></g>\n", (LEFT + RIGHT) / 2,
            bottom + 36);
}

static enum status write_bars(FILE *out, const struct history *history, struct error *error)
{
    struct mean *means = NULL;
    size_t ranks = history->ranks;
    enum status status = memory_new(&means, ranks, error);
    if (status != STATUS_OK)
        return status;
    double most = 0;
    for (size_t r = 0; r < ranks; r++) {
        means[r] = mean_of(history, r);
        most = fmax(most, means[r].seconds[0] + means[r].seconds[1]);
    }
    struct axis axis = axis_make(0, most, false, true, LEFT, RIGHT);
    bool few = ranks <= (size_t)2 * MOST_LINES;
    double step = few ? 22 : 5;
    double bottom = TOP + step * (double)ranks;
    fprintf(out,
            "<figure><figcaption>Mean of each rank</figcaption>\n<svg viewBox=\"0 0 %d %.0f\" role=\"img\" "
            "aria-label=\"Mean seconds an epoch that each rank computes and waits\">\n",
            WIDTH, bottom + AXIS_HEIGHT);
    write_seconds(out, &axis, bottom);
    for (size_t r = 0; r < ranks; r++)
        if (means[r].epochs > 0)
            write_bar(out, &means[r], &axis, r, TOP + step * (double)r + 1, step - (few ? 6 : 1),
                      few || r % 20 == 0);
    fputs("</svg>\n<ul class=\"legend\"><li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><rect "
          "class=\"compute\" "
          "width=\"24\" height=\"8\"/></svg>computing</li><li><svg viewBox=\"0 0 24 8\" "
          "aria-hidden=\"true\"><rect "
          "class=\"wait\" width=\"24\" height=\"8\"/></svg>waiting</li></ul>\n</figure>\n",
          out);
    memory_free(means);
    return STATUS_OK;
}

enum status rank_charts_write(FILE *out, const struct report_run *run, const double *epochs,
                              struct error *error)
{
    enum status status = STATUS_OK;
    const struct history *history = run->history;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (history->ranks <= MOST_LINES)
            write_lines(out, history, epochs, &kinds[k]);
        else
            TRY(write_quantiles(out, history, epochs, &kinds[k], error));
    }
    if (history->ranks > 1 && history->ranks <= MOST_BARS)
        TRY(write_bars(out, history, error));
done:
    return status;
}
