#include "lstm_mpi/linalg/vector.h"

#include "lstm_mpi/linalg/vector_math.h"
#include "panel_functions.h"
#include "vector_functions.h"

const struct vector_exp_bounds vector_exp_bounds = {.least = -87.3F, .most = 87.3F};

const struct vector_functions *vector_functions_in_use(void)
{
    static const struct vector_functions *const levels[] = VECTOR_LEVELS_ARRAY(vector_functions);
    return levels[vector_level_in_use()];
}

void vector_add(size_t count, const float *x, float *y)
{
    vector_functions_in_use()->add(count, x, y);
}

void vector_sum(size_t count, const float *x, const float *y, float *out)
{
    vector_functions_in_use()->sum(count, x, y, out);
}

void vector_multiply(size_t count, const float *x, float *y)
{
    vector_functions_in_use()->multiply(count, x, y);
}

void vector_axpy(size_t count, float a, const float *x, float *y)
{
    vector_functions_in_use()->axpy(count, a, x, y);
}

void vector_scale(size_t count, float a, float *x)
{
    vector_functions_in_use()->scale(count, a, x);
}

double vector_sum_of_squares(size_t count, const float *x)
{
    return vector_functions_in_use()->sum_of_squares(count, x);
}

float vector_largest(size_t count, const float *x)
{
    return vector_functions_in_use()->largest(count, x);
}

void vector_transpose(size_t rows, size_t columns, const float *in, float *out)
{
    /* A panel that is as wide as there are rows. */
    panel_functions_in_use()->pack_transposed(rows, rows, columns, in, columns, out);
}
