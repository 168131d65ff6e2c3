#include "live_line.h"

static void thin_out(struct live_line *line)
{
    line->count /= 2;
    line->stride *= 2;
    for (size_t i = 0; i < line->count; i++) {
        line->x[i] = line->x[2 * i];
        line->y[i] = line->y[2 * i];
    }
}

void live_line_add(struct live_line *line, double x, double y)
{
    if (line->stride == 0)
        line->stride = 1;
    if (line->offered++ % line->stride != 0)
        return;
    if (line->count == LIVE_LINE_POINTS)
        thin_out(line); /* of an even count, so that the point to come is one that stays */
    line->x[line->count] = x;
    line->y[line->count] = y;
    line->count++;
}
