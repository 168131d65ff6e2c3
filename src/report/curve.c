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

/* The numbers from `first` to before `end` as one point; false where none can be drawn. */
static bool gather(struct curve_point *point, const struct curve *curve, size_t first, size_t end,
                   bool positive)
{
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        if (!can_be_drawn(curve, i, positive))
            continue;
        double y = curve_y(curve, i);
        if (count == 0)
            *point = (struct curve_point){curve_x(curve, i), y, y, y, false};
        count++;
        point->y += (y - point->y) / (double)count;
        point->low = y < point->low ? y : point->low;
        point->high = y > point->high ? y : point->high;
    }
    return count > 0;
}

size_t curve_points(struct curve_point points[CURVE_MAX_POINTS], const struct curve *curve, bool positive)
{
    size_t used = 0;
    bool gap = true;
    size_t stretches = curve->count < CURVE_MAX_POINTS ? curve->count : CURVE_MAX_POINTS;
    for (size_t s = 0; s < stretches; s++) {
        size_t first = s * curve->count / stretches;
        size_t end = (s + 1) * curve->count / stretches;
        if (gather(&points[used], curve, first, end, positive)) {
            points[used++].begins = gap;
            gap = false;
        } else {
            gap |= !curve->bridges;
        }
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
