#include "lstm_mpi/base/memory.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/smaller.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t memory_page_bytes(size_t bytes)
{
    size_t page = bytes > MEMORY_HUGE_PAGE_BYTES / 2 ? MEMORY_HUGE_PAGE_BYTES : (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = larger(1, divide_up(bytes, page));
    return pages > SIZE_MAX / page ? SIZE_MAX : pages * page;
}

size_t memory_l2_bytes(void)
{
    enum { GUESS = 1 << 20 };
#ifdef _SC_LEVEL2_CACHE_SIZE
    long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0)
        return (size_t)bytes;
#endif
    return GUESS;
}

static enum status out_of_memory(size_t count, size_t size, struct error *error)
{
    error_set(error, STATUS_FAILED, "out of memory");
    error->short_of_memory = true;
    static const double MiB = 1 << 20, GiB = 1 << 30;
    double bytes = (double)count * (double)size;
    if (bytes >= GiB)
        error_why(error, "%.1f GiB were needed", bytes / GiB);
    else if (bytes >= MiB)
        error_why(error, "%.1f MiB were needed", bytes / MiB);
    else
        error_why(error, "%.0f bytes were needed", bytes);
    return error_remedy(error, "use smaller settings or more ranks on more hosts");
}

/* Rounded up to whole cache lines, as aligned_alloc wants it; 0 where that overflows. */
static size_t padded_bytes(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - MEMORY_HUGE_PAGE_BYTES)
        return 0;
    if (bytes == 0)
        return MEMORY_ALIGNMENT;
    return divide_up(bytes, MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
}

/* Large memory in huge pages, where the system has them. */
static void *allocate_aligned(size_t bytes)
{
    size_t page_bytes = memory_page_bytes(bytes);
    if (page_bytes < MEMORY_HUGE_PAGE_BYTES)
        return aligned_alloc(MEMORY_ALIGNMENT, bytes);
    void *memory = aligned_alloc(MEMORY_HUGE_PAGE_BYTES, page_bytes);
#ifdef MADV_HUGEPAGE
    if (memory)
        (void)madvise(memory, page_bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

enum status memory_allocate(void *out_pointer, size_t count, size_t size, struct error *error)
{
    size_t bytes = padded_bytes(count, size);
    void *memory = bytes ? allocate_aligned(bytes) : NULL;
    memcpy(out_pointer, &memory, sizeof memory);
    if (!memory)
        return out_of_memory(count, size, error);
    memset(memory, 0, bytes);
    return STATUS_OK;
}

enum status memory_reserve(void *array_pointer, size_t *capacity, size_t needed, size_t size,
                           struct error *error)
{
    if (needed <= *capacity)
        return STATUS_OK;
    size_t grown = *capacity > SIZE_MAX / 2 ? SIZE_MAX : 2 * *capacity;
    if (grown < needed)
        grown = needed;
    void *old;
    memcpy(&old, array_pointer, sizeof old);
    size_t bytes = padded_bytes(grown, size);
    void *memory = bytes ? allocate_aligned(bytes) : NULL;
    if (!memory)
        return out_of_memory(grown, size, error);
    if (old)
        memcpy(memory, old, *capacity * size);
    free(old);
    memcpy(array_pointer, &memory, sizeof memory);
    *capacity = grown;
    return STATUS_OK;
}

enum status memory_copy_text(char **out, const char *text, struct error *error)
{
    size_t bytes = strlen(text) + 1;
    enum status status = memory_new(out, bytes, error);
    if (status == STATUS_OK)
        memcpy(*out, text, bytes);
    return status;
}

void memory_free(void *memory)
{
    free(memory);
}
