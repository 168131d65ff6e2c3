#include "chart.h"
#include "axis.h"
#include "html.h"

#include <math.h>

/* The picture, in its own units; the plot lies within. */
enum {
    WIDTH = 560,
    HEIGHT = 300,
    LEFT = 74,
    RIGHT = 548,
    TOP = 10,
    BOTTOM = 252,
    FEW_POINTS = 40,
    STRIPS = 80
};

struct plot {
    struct axis x, y;
};

static void widen(double range[2], double value)
{
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

static bool has_points(const struct chart_line *line)
{
    struct curve_point points[CURVE_MAX_POINTS];
    return curve_points(points, &line->curve, false) > 0;
}

static struct plot lay_out(const struct chart *chart)
{
    double x[2] = {0, -INFINITY};
    double y[2] = {INFINITY, -INFINITY};
    for (size_t l = 0; l < chart->line_count; l++) {
        struct curve_point points[CURVE_MAX_POINTS];
        size_t count = curve_points(points, &chart->lines[l].curve, false);
        for (size_t p = 0; p < count; p++) {
            widen(x, points[p].x);
            widen(y, points[p].low);
            widen(y, points[p].high);
        }
    }
    return (struct plot){
        .x = axis_make(x[0], x[1], false, true, LEFT, RIGHT),
        .y = axis_make(y[0], y[1], chart->may_bend, chart->from_zero, BOTTOM, TOP),
    };
}

static void write_axes(FILE *out, const struct chart *chart, const struct plot *plot)
{
    char text[AXIS_TEXT_BYTES];
    fputs("<g class=\"grid\">", out);
    for (size_t t = 0; t < plot->y.tick_count; t++) {
        double y = axis_place(&plot->y, plot->y.ticks[t]);
        axis_format(text, plot->y.ticks[t]);
        fprintf(out, "<path d=\"M%d,%.1fH%d\"/><text class=\"y\" x=\"%d\" y=\"%.1f\">%s</text>", LEFT, y,
                RIGHT, LEFT - 8, y + 4, text);
    }
    for (size_t t = 0; t < plot->x.tick_count; t++) {
        double tick = plot->x.ticks[t];
        if (chart->whole_x && fabs(tick - round(tick)) > 1e-6)
            continue;
        double x = axis_place(&plot->x, tick);
        axis_format(text, tick);
        fprintf(out, "<path d=\"M%.1f,%dv5\"/><text class=\"x\" x=\"%.1f\" y=\"%d\">%s</text>", x, BOTTOM, x,
                BOTTOM + 20, text);
    }
    fprintf(out, "<path class=\"axis\" d=\"M%d,%dV%dH%d\"/>", LEFT, TOP, BOTTOM, RIGHT);
    fprintf(out, "<text class=\"x\" x=\"%d\" y=\"%d\">", (LEFT + RIGHT) / 2, HEIGHT - 6);
    html_text(out, chart->x_label);
    fprintf(out, "</text><text class=\"x\" transform=\"translate(12,%d) rotate(-90)\">", (TOP + BOTTOM) / 2);
    html_text(out, chart->y_label);
    fprintf(out, "%s</text></g>\n", plot->y.logarithmic ? ", logarithmic" : "");
}

static void write_classes(FILE *out, const struct chart_line *line)
{
    fprintf(out, "class=\"line c%zu%s%s\"", line->colour % CHART_COLOURS,
            line->colour >= CHART_COLOURS ? " dotted" : "", line->dashed ? " dashed" : "");
}

/* From the least to the most of each stretch, without a gap. */
static void write_band(FILE *out, const struct chart_line *line, const struct plot *plot,
                       const struct curve_point *points, size_t count)
{
    fprintf(out, "<path class=\"band c%zu\" d=\"", line->colour % CHART_COLOURS);
    for (size_t p = 0; p < count; p++)
        fprintf(out, "%c%.1f,%.1f", p == 0 ? 'M' : 'L', axis_place(&plot->x, points[p].x),
                axis_place(&plot->y, points[p].high));
    for (size_t p = count; p-- > 0;)
        fprintf(out, "L%.1f,%.1f", axis_place(&plot->x, points[p].x), axis_place(&plot->y, points[p].low));
    fputs("Z\"/>\n", out);
}

static void write_bands(FILE *out, const struct chart_line *line, const struct plot *plot,
                        const struct curve_point *points, size_t count)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && !points[end].begins; end++)
            ;
        write_band(out, line, plot, points + first, end - first);
    }
}

static void write_path(FILE *out, const struct chart_line *line, const struct plot *plot,
                       const struct curve_point *points, size_t count)
{
    fputs("<path ", out);
    write_classes(out, line);
    fputs(" d=\"", out);
    for (size_t p = 0; p < count; p++) {
        bool alone = points[p].begins && (p + 1 == count || points[p + 1].begins);
        fprintf(out, "%c%.1f,%.1f", points[p].begins ? 'M' : 'L', axis_place(&plot->x, points[p].x),
                axis_place(&plot->y, points[p].y));
        if (alone)
            fputs("h0", out); /* a round cap makes it a dot */
    }
    fputs("\"/>\n", out);
}

static void write_dots(FILE *out, const struct chart_line *line, const struct plot *plot,
                       const struct curve_point *points, size_t count)
{
    fprintf(out, "<g class=\"%s c%zu\">", line->dashed ? "rings" : "dots", line->colour % CHART_COLOURS);
    for (size_t p = 0; p < count; p++)
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>", axis_place(&plot->x, points[p].x),
                axis_place(&plot->y, points[p].y));
    fputs("</g>\n", out);
}

static void write_line(FILE *out, const struct chart_line *line, const struct plot *plot)
{
    struct curve_point points[CURVE_MAX_POINTS];
    size_t count = curve_points(points, &line->curve, plot->y.logarithmic);
    if (count == 0)
        return;
    if (line->curve.count > CURVE_MAX_POINTS)
        write_bands(out, line, plot, points, count);
    write_path(out, line, plot, points, count);
    if (count <= FEW_POINTS)
        write_dots(out, line, plot, points, count);
}

/* The numbers at a place between two x, for the reader who points at it. */
static void write_strip(FILE *out, const struct chart *chart, const struct plot *plot, double from, double to)
{
    char text[AXIS_TEXT_BYTES];
    bool empty = true;
    for (size_t l = 0; l < chart->line_count; l++) {
        const struct chart_line *line = &chart->lines[l];
        if (line->curve.count == 0)
            continue;
        size_t i = curve_find(&line->curve, to);
        double x = curve_x(&line->curve, i);
        double y = curve_y(&line->curve, i);
        if (!(x > from && x <= to) || !axis_shows(y))
            continue;
        if (empty) {
            double left = axis_place(&plot->x, from);
            axis_format_whole(text, x);
            fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s %s", left, TOP,
                    axis_place(&plot->x, to) - left, BOTTOM - TOP, chart->x_name, text);
        }
        empty = false;
        axis_format(text, y);
        fputc('\n', out);
        html_text(out, line->name);
        fprintf(out, ": %s", text);
    }
    if (!empty)
        fputs("</title></rect>", out);
}

static void write_strips(FILE *out, const struct chart *chart, const struct plot *plot)
{
    double width = (plot->x.most - plot->x.least) / STRIPS;
    double first = plot->x.least - width / 2;
    fputs("<g class=\"strips\">", out);
    for (size_t s = 0; s <= STRIPS; s++)
        write_strip(out, chart, plot, first + (double)s * width, first + (double)(s + 1) * width);
    fputs("</g>\n", out);
}

static void write_legend(FILE *out, const struct chart *chart)
{
    fputs("<ul class=\"legend\">", out);
    for (size_t l = 0; l < chart->line_count; l++) {
        if (!has_points(&chart->lines[l]))
            continue;
        fputs("<li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path ", out);
        write_classes(out, &chart->lines[l]);
        fputs(" d=\"M1,4H23\"/></svg>", out);
        html_text(out, chart->lines[l].name);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}

void chart_write(FILE *out, const struct chart *chart)
{
    struct plot plot = lay_out(chart);
    fputs("<figure><figcaption>", out);
    html_text(out, chart->title);
    fprintf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    html_text(out, chart->title);
    fputs(": ", out);
    html_text(out, chart->y_label);
    fputs(" over ", out);
    html_text(out, chart->x_label);
    fputs("\">\n", out);
    write_axes(out, chart, &plot);
    for (size_t l = 0; l < chart->line_count; l++)
        write_line(out, &chart->lines[l], &plot);
    write_strips(out, chart, &plot);
    fputs("</svg>\n", out);
    write_legend(out, chart);
    fputs("</figure>\n", out);
}
