#ifndef LSTM_MPI_TESTS_SCALAR_FORMS_H
#define LSTM_MPI_TESTS_SCALAR_FORMS_H

/* Counts the calls of the scalar expf and tanhf; every test program is linked so. Loops over whole vectors
 * take the C library's vector forms instead, unless the compiler has turned them into something else: the
 * numbers are then right as well, but take many times as long. */

/* Calls since the last time this was asked. */
long scalar_forms_called(void);

/* Is there anything to count: has the C library vector forms, and may loops be what the compiler makes of
 * them? */
_Bool scalar_forms_are_avoidable(void);

#endif
