#ifndef TESTS_BENCHMARK_OPERATIONS_H
#define TESTS_BENCHMARK_OPERATIONS_H

#include "lstm_mpi/model/model_spec.h"

/* Floating-point operations of the products of one token in training: 3 · 2 times the weights that are
 * multiplied with, W_x among them where it is not selected from. */
double operations_per_token(const struct model_spec *spec);

#endif
