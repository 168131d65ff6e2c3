#ifndef LSTM_MPI_TRAIN_CENTRAL_DIFFERENCE_H
#define LSTM_MPI_TRAIN_CENTRAL_DIFFERENCE_H

/* The derivative at 0 of a function that is known with rounding errors only: central differences with ever
 * smaller steps, and Richardson's extrapolation of them to a step of 0 (Ridders 1982). A large step is wrong
 * by the curvature, a small one by the rounding; which is best shows in how far the extrapolated values
 * agree. */

#include "lstm_mpi/base/error.h"

struct central_difference_spec {
    enum status (*function)(void *context, double x, double *value, struct error *error);
    void *context;
    double first_step;   /* the largest */
    double noise;        /* of the function's values */
    double wanted_error; /* one this small is good enough */
};

struct central_difference {
    double value;
    double error; /* how far off it may be */
};

/* Fails where the function does. */
MUST_CHECK enum status central_difference(struct central_difference *out,
                                          const struct central_difference_spec *spec, struct error *error);

#endif
