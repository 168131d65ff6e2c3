#include "support/failing_allocator.h"

#include <stdbool.h>
#include <stddef.h>

static long remaining = -1;
static bool failed;

void failing_allocator_after(long allocations)
{
    remaining = allocations;
    failed = false;
}

bool failing_allocator_has_failed(void)
{
    return failed;
}

/* The linker sends the calls of aligned_alloc here (--wrap), and calls of the second name to the real one. */
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);

/* To stop a debugger at the failure. */
static void *fail(void)
{
    failed = true;
    return NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    if (remaining >= 0 && remaining-- == 0)
        return fail();
    return __real_aligned_alloc(alignment, bytes);
}
