#ifndef LSTM_MPI_REPORT_AXIS_H
#define LSTM_MPI_REPORT_AXIS_H

/* An axis of a chart: which numbers it shows, and where. */

#include <stdbool.h>
#include <stddef.h>

enum { AXIS_MAX_TICKS = 12, AXIS_TEXT_BYTES = 32 };

struct axis {
    double least, most; /* of the numbers */
    double start, end;  /* where these two are drawn */
    bool logarithmic;
    double ticks[AXIS_MAX_TICKS];
    size_t tick_count;
};

/* Can the number be drawn at all? */
bool axis_shows(double value);

/* An axis for numbers from `least` to `most`, which axis_shows; least > most: there are none. With `may_bend`
 * it is logarithmic where they are positive and lie more than a decade or so apart; else it goes on to zero
 * with `from_zero`. */
struct axis axis_make(double least, double most, bool may_bend, bool from_zero, double start, double end);

/* Where a number is drawn. On a logarithmic axis, one that is not positive lies at its start. */
double axis_place(const struct axis *axis, double value);

/* A number for people, in four digits: "0.25", "1250", "312.8k", "80µ". The second writes all digits of a
 * whole one, in groups: "312,840". */
void axis_format(char text[AXIS_TEXT_BYTES], double value);
void axis_format_whole(char text[AXIS_TEXT_BYTES], double value);

#endif
