#ifndef LSTM_MPI_BASE_MEMORY_H
#define LSTM_MPI_BASE_MEMORY_H

#include "lstm_mpi/base/error.h"

#include <stddef.h>

enum {
    MEMORY_ALIGNMENT = 64,
    MEMORY_LINE_FLOATS = MEMORY_ALIGNMENT / sizeof(float), /* of a cache line */
    MEMORY_HUGE_PAGE_BYTES = 1 << 21
};

/* The bytes of the pages that so many bytes take, at least one; SIZE_MAX where there are no such. A huge page
 * that is mostly filled is a whole one: a walk through megabytes of them misses few address translations. */
size_t memory_page_bytes(size_t bytes);

/* Of a core's L2 cache; a guess where the system does not say. */
size_t memory_l2_bytes(void);

/* Allocates `count` zeroed elements of the type that `*out` points to, aligned to a cache line:
 *     struct batch *batch;
 *     TRY(memory_new(&batch, 1, error));
 * A count of 0 gives a pointer that can be freed. Fails, naming the size, when the product overflows or
 * memory is short; `*out` is then NULL. The caller owns the memory: memory_free. */
#define memory_new(out, count, error) memory_allocate((out), (count), sizeof(**(out)), (error))

/* Makes room for at least `needed` elements in the growing array `*array` of capacity `*capacity`, at
 * least doubling it; new elements are not initialised. On failure the array is as it was. */
#define memory_grow(array, capacity, needed, error) \
    memory_reserve((array), (capacity), (needed), sizeof(**(array)), (error))

MUST_CHECK enum status memory_allocate(void *out_pointer, size_t count, size_t size, struct error *error);
MUST_CHECK enum status memory_reserve(void *array_pointer, size_t *capacity, size_t needed, size_t size,
                                      struct error *error);

/* Copies a string; the caller owns the copy. */
MUST_CHECK enum status memory_copy_text(char **out, const char *text, struct error *error);

/* Frees what the functions above gave; NULL is fine. */
void memory_free(void *memory);

#endif
