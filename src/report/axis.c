#include "axis.h"

#include <math.h>
#include <stdio.h>

/* Beyond these a picture shows nothing, and differences overflow. */
static const double largest = 1e250;
static const double smallest = 1e-250;
static const double bends_above = 20;

/* Room beyond the least and the most, as a share of all between them, so that no line runs along the border.
 */
static const double margin = 0.04;

bool axis_shows(double value)
{
    return isfinite(value) && fabs(value) <= largest;
}

/* The largest of 1, 2 and 5 times a power of ten that gives at least `pieces` pieces. */
static double tick_step(double span, double pieces)
{
    double step = pow(10, floor(log10(span / pieces)));
    if (step * 5 * pieces <= span)
        return step * 5;
    return step * 2 * pieces <= span ? step * 2 : step;
}

static void linear_ticks(struct axis *axis)
{
    double step = tick_step(axis->most - axis->least, 4);
    double first = ceil(axis->least / step - 1e-6);
    for (size_t i = 0; i < AXIS_MAX_TICKS && (first + (double)i) * step <= axis->most + step * 1e-6; i++)
        axis->ticks[axis->tick_count++] = (first + (double)i) * step;
}

/* Powers of ten, and between few of them 2 and 5 times those. */
static void logarithmic_ticks(struct axis *axis)
{
    static const double marks[] = {1, 2, 5};
    double first = log10(axis->least);
    double last = log10(axis->most);
    size_t mark_count = last - first <= 3.5 ? 3 : 1;
    int every = (int)ceil((last - first) / (AXIS_MAX_TICKS - 1));
    for (int power = (int)floor(first); power <= (int)floor(last); power += every) {
        for (size_t m = 0; m < mark_count && axis->tick_count < AXIS_MAX_TICKS; m++) {
            double tick = marks[m] * pow(10, power);
            if (tick >= axis->least && tick <= axis->most)
                axis->ticks[axis->tick_count++] = tick;
        }
    }
}

struct axis axis_make(double least, double most, bool may_bend, bool from_zero, double start, double end)
{
    struct axis axis = {.least = least, .most = most, .start = start, .end = end};
    if (least > most) {
        axis.least = 0;
        axis.most = 1;
    }
    axis.logarithmic = may_bend && axis.least > smallest && axis.most / axis.least > bends_above;
    if (axis.logarithmic) {
        double factor = pow(10, margin * (log10(axis.most) - log10(axis.least)));
        axis.least /= factor;
        axis.most *= factor;
        logarithmic_ticks(&axis);
        return axis;
    }
    if (from_zero) {
        axis.least = fmin(axis.least, 0);
        axis.most = fmax(axis.most, 0);
    }
    double span = axis.most - axis.least;
    double scale = fmax(fabs(axis.least), fabs(axis.most));
    if (span <= scale * 1e-9) {
        /* All numbers are the same: they lie in the middle. */
        axis.least -= scale > 0 ? scale / 2 : 0.5;
        axis.most += scale > 0 ? scale / 2 : 0.5;
    } else {
        axis.least -= from_zero && axis.least == 0 ? 0 : margin * span;
        axis.most += from_zero && axis.most == 0 ? 0 : margin * span;
    }
    linear_ticks(&axis);
    return axis;
}

double axis_place(const struct axis *axis, double value)
{
    double share =
        axis->logarithmic
            ? (value > 0 ? (log(value) - log(axis->least)) / (log(axis->most) - log(axis->least)) : 0)
            : (value - axis->least) / (axis->most - axis->least);
    return axis->start + share * (axis->end - axis->start);
}

void axis_format(char text[AXIS_TEXT_BYTES], double value)
{
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1e-6, "µ"}, {1e-9, "n"}};
    double size = fabs(value);
    if ((size >= 1e4 && size < 1e15) || (size >= 1e-9 && size < 1e-3)) {
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            if (size >= units[u].unit) {
                snprintf(text, AXIS_TEXT_BYTES, "%.4g%s", value / units[u].unit, units[u].suffix);
                return;
            }
        }
    }
    snprintf(text, AXIS_TEXT_BYTES, "%.4g", value);
}

void axis_format_whole(char text[AXIS_TEXT_BYTES], double value)
{
    char digits[AXIS_TEXT_BYTES];
    if (!(fabs(value) < 1e15) || value != floor(value)) {
        axis_format(text, value);
        return;
    }
    int count = snprintf(digits, sizeof digits, "%.0f", fabs(value));
    char *to = text;
    if (value < 0)
        *to++ = '-';
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
}
