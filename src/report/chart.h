#ifndef LSTM_MPI_REPORT_CHART_H
#define LSTM_MPI_REPORT_CHART_H

/* Curves as an SVG picture with axes, a legend, and the numbers of each place as a tooltip. */

#include "curve.h"

#include <stdio.h>

struct chart_line {
    const char *name; /* in the legend and the tooltips */
    struct curve curve;
    size_t colour; /* counted from 0; they come again after a while, with dots */
    bool dashed;
};

struct chart {
    const char *title;
    const char *x_label;
    const char *y_label;
    const char *x_name; /* what a tooltip calls the place: "epoch" */
    bool whole_x;       /* no mark between whole numbers */
    bool may_bend;      /* logarithmic where the numbers span decades */
    bool from_zero;
    const struct chart_line *lines;
    size_t line_count;
};

/* Writes a <figure>. Lines without a number are left out. A line of many numbers shows the means of
 * stretches, with a band from the least to the most of each. */
void chart_write(FILE *out, const struct chart *chart);

/* Colours in the style sheet. */
enum { CHART_COLOURS = 8 };

#endif
