#ifndef LSTM_MPI_TESTS_FAILING_ALLOCATOR_H
#define LSTM_MPI_TESTS_FAILING_ALLOCATOR_H

/* Makes the allocation that follows `allocations` others fail, and that one only; every test program is
 * linked so. A fault test counts up from 0 until the work succeeds; each time it wants one error, no leak,
 * and nothing half made. A negative number: none fails. */
void failing_allocator_after(long allocations);

/* Whether the allocation that was to fail has been asked for. */
_Bool failing_allocator_has_failed(void);

#endif
