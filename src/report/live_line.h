#ifndef LSTM_MPI_REPORT_LIVE_LINE_H
#define LSTM_MPI_REPORT_LIVE_LINE_H

/* A line that grows without end in memory that does not. */

#include <stddef.h>

enum { LIVE_LINE_POINTS = 4096 };

/* Starts as zeros. Of all points that were offered it holds every `stride`-th, from the first one on. */
struct live_line {
    double x[LIVE_LINE_POINTS];
    double y[LIVE_LINE_POINTS];
    size_t count;
    size_t stride; /* 0 as 1 */
    size_t offered;
};

/* When the line is full, every second of its points is dropped and the stride doubles. */
void live_line_add(struct live_line *line, double x, double y);

#endif
