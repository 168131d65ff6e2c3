#include "kernel_trial.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/linalg/panels.h"
#include "product_kernel.h"

#include <math.h>

/* A product as large as those that most of the time goes to. */
struct trial {
    struct panels A;
    struct panels B;
    float *C;
};

enum { TRIAL_ROWS = 384, TRIAL_PANELS = 2, TRIAL_DEPTH = 256, TRIALS = 12 };

static enum status trial_create(struct trial *trial, struct error *error)
{
    enum status status;
    size_t columns = TRIAL_PANELS * panels_width(PANELS_WIDE);
    *trial = (struct trial){0};
    TRY(panels_create(&trial->A, PANELS_NARROW, TRIAL_ROWS, TRIAL_DEPTH, error));
    TRY(panels_create(&trial->B, PANELS_WIDE, columns, TRIAL_DEPTH, error));
    TRY(memory_new(&trial->C, TRIAL_ROWS * columns, error));
    panels_begin(&trial->A, TRIAL_ROWS, TRIAL_DEPTH);
    panels_begin(&trial->B, columns, TRIAL_DEPTH);
done:
    return status;
}

static void trial_free(struct trial *trial)
{
    panels_free(&trial->A);
    panels_free(&trial->B);
    memory_free(trial->C);
}

static double trial_seconds(struct trial *trial, bool own_loops)
{
    product_kernel_set_own_loops_alone(own_loops);
    double start = clock_seconds();
    panels_multiply(trial->C, trial->B.source.lanes, &trial->A, &trial->B, false);
    return clock_seconds() - start;
}

/* In turns, for the clock of a core rises and falls; the best of each counts. */
enum status kernel_trial_choose_the_faster(struct error *error)
{
    enum status status;
    struct trial trial;
    double of_blis = INFINITY;
    double of_own_loops = INFINITY;
    TRY(trial_create(&trial, error));
    for (int i = 0; i < TRIALS; i++) {
        of_blis = fmin(of_blis, trial_seconds(&trial, false));
        of_own_loops = fmin(of_own_loops, trial_seconds(&trial, true));
    }
    product_kernel_set_own_loops_alone(of_own_loops < of_blis);
done:
    trial_free(&trial);
    return status;
}
