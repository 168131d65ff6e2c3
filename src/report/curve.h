#ifndef LSTM_MPI_REPORT_CURVE_H
#define LSTM_MPI_REPORT_CURVE_H

/* Numbers over numbers, as many as a picture can show. */

#include <stdbool.h>
#include <stddef.h>

/* A column of doubles within larger records; a view. */
struct column {
    const void *first;
    size_t stride_bytes;
};

/* x does not fall. */
struct curve {
    struct column x, y;
    size_t count;
    double x_unit; /* x is divided by it */
    bool bridges;  /* a line goes over missing numbers */
};

double curve_x(const struct curve *curve, size_t i);
double curve_y(const struct curve *curve, size_t i);

/* A number, or of a stretch of numbers the mean, the least and the most. */
struct curve_point {
    double x, y, low, high;
    bool begins; /* there is a gap before it */
};

enum { CURVE_MAX_POINTS = 400 };

/* The points to draw, and returns how many: all numbers, or, where they are more, as many stretches. Numbers
 * that cannot be drawn are left out, and where `positive`, those that are not. */
size_t curve_points(struct curve_point points[CURVE_MAX_POINTS], const struct curve *curve, bool positive);

/* The place of the last point with x at or below this one; the first where there is none. */
size_t curve_find(const struct curve *curve, double x);

#endif
