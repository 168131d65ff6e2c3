#include "curve.h"
#include "axis.h"

#include <string.h>

static double at(const struct column *column, size_t i)
{
    double value;
    memcpy(&value, (const char *)column->first + i * column->stride_bytes, sizeof value);
    return value;
}

double curve_x(const struct curve *curve, size_t i)
{
    return at(&curve->x, i) / curve->x_unit;
}

double curve_y(const struct curve *curve, size_t i)
{
    return at(&curve->y, i);
}

static bool can_be_drawn(const struct curve *curve, size_t i, bool positive)
{
    double y = curve_y(curve, i);
    return axis_shows(y) && axis_shows(curve_x(curve, i)) && (!positive || y > 0);
}

/* The lowest and the highest of a stretch, in their order; returns how many there are. */
static size_t extremes(size_t found[2], const struct curve *curve, size_t first, size_t end, bool positive)
{
    size_t count = 0;
    size_t low = first, high = first;
    for (size_t i = first; i < end; i++) {
        if (!can_be_drawn(curve, i, positive))
            continue;
        if (count == 0 || curve_y(curve, i) < curve_y(curve, low))
            low = i;
        if (count == 0 || curve_y(curve, i) > curve_y(curve, high))
            high = i;
        count++;
    }
    found[0] = low < high ? low : high;
    found[1] = low < high ? high : low;
    return count == 0 ? 0 : low == high ? 1 : 2;
}

size_t curve_points(struct curve_point points[CURVE_MAX_POINTS], const struct curve *curve, bool positive)
{
    size_t used = 0;
    bool gap = true;
    bool all = curve->count <= CURVE_MAX_POINTS;
    size_t stretches = all ? curve->count : CURVE_STRETCHES;
    for (size_t s = 0; s < stretches; s++) {
        size_t found[2];
        size_t first = s * curve->count / stretches;
        size_t count = extremes(found, curve, first, (s + 1) * curve->count / stretches, positive);
        for (size_t f = 0; f < count; f++) {
            points[used++] = (struct curve_point){curve_x(curve, found[f]), curve_y(curve, found[f]), gap};
            gap = false;
        }
        gap |= count == 0 && !curve->bridges;
    }
    return used;
}

size_t curve_find(const struct curve *curve, double x)
{
    size_t low = 0;
    size_t high = curve->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (curve_x(curve, middle) <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}
