#include "central_difference.h"

#include <math.h>
#include <stddef.h>

/* Three extrapolated values must agree before one is believed: two may do so by accident. */
enum { MOST_STEPS = 10, LEAST_STEPS = 3 };

static enum status difference(double *out, const struct central_difference_spec *spec, double step,
                              struct error *error)
{
    enum status status;
    double above;
    double below;
    TRY(spec->function(spec->context, step, &above, error));
    TRY(spec->function(spec->context, -step, &below, error));
    *out = (above - below) / (2 * step);
done:
    return status;
}

/* The errors of central differences are even powers of the step: `row` becomes that of the next step, half as
 * long, column k without the first k of them. The last column so far is the best but for rounding. */
static void extrapolate(double row[MOST_STEPS], size_t number, double newest, double noise,
                        struct central_difference *best)
{
    double before = row[0];
    double power = 1;
    row[0] = newest;
    for (size_t k = 1; k <= number; k++) {
        power *= 4;
        double value = (power * row[k - 1] - before) / (power - 1);
        double disagreement = fmax(fabs(value - row[k - 1]), fabs(value - before));
        before = row[k];
        row[k] = value;
        if (k + 1 >= LEAST_STEPS && disagreement + noise < best->error)
            *best = (struct central_difference){value, disagreement + noise};
    }
}

enum status central_difference(struct central_difference *out, const struct central_difference_spec *spec,
                               struct error *error)
{
    enum status status = STATUS_OK;
    double row[MOST_STEPS] = {0};
    double step = spec->first_step;
    *out = (struct central_difference){.error = INFINITY};
    for (size_t number = 0; number < MOST_STEPS && out->error > spec->wanted_error; number++) {
        double newest;
        double noise = spec->noise / step;
        if (noise > out->error)
            break;
        TRY(difference(&newest, spec, step, error));
        extrapolate(row, number, newest, noise, out);
        step /= 2;
    }
done:
    return status;
}
