#include "lstm_mpi/linalg/vector.h"

#include "vector_functions.h"

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
