/* MPI_Win_allocate_shared would be the standard's way. In Open MPI 4.1 the ranks hang in it when its folder
 * (/dev/shm, 64 MiB in a container) is too small, and its memory is not aligned. Here every failure comes
 * back as a value, nothing is left behind by a rank that is killed, and the size is bound by the memory
 * alone:
 *
 * 1. The first rank of a node makes an anonymous file in memory and tells the others its path under /proc.
 *    Where they may not open that (containers of their own), it makes a file in /dev/shm, removed as soon as
 *    all have opened it.
 * 2. Each rank reserves the pages of its part: they are taken near its CPU, and a shortage is an error now,
 *    not a signal later.
 * 3. Each maps the whole, and asks for huge pages. By itself Linux gives shared memory none, and where rows
 * all over a large table are read, each would cost a walk through the page tables. Linux before 6.1 has no
 * way to ask.
 *
 * A node of one rank takes plain memory. */

#include "lstm_mpi/dist/comm_shared.h"

#include "comm_private.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/dist/agree.h"
#include "mpi_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* MADV_COLLAPSE of Linux 6.1, which the headers of older systems do not know. */
enum { ADVICE_COLLAPSE = 25 };

struct comm_shared {
    void *memory;
    size_t bytes;  /* of whole pages, where they are shared */
    void *mapping; /* `memory` lies in it where huge pages begin */
    size_t mapping_bytes;
    bool alone; /* a node of one rank has plain memory, in huge pages where the system has them */
};

enum place { PLACE_ANONYMOUS, PLACE_DEV_SHM, PLACES };

/* Sent from a node's first rank to its others. */
struct shared_file {
    char path[64]; /* empty: it could not be made */
    int error_number;
    dev_t device;
    ino_t inode; /* in another process namespace the path may lead to another file */
};

/* Makes the file on the node's first rank; returns its descriptor, or -1 with error_number set. */
static int make_file(struct shared_file *file, enum place place, size_t bytes)
{
    *file = (struct shared_file){.path = "/dev/shm/lstm_mpi-XXXXXX"};
    int descriptor =
        place == PLACE_ANONYMOUS ? memfd_create("lstm_mpi", MFD_CLOEXEC) : mkostemp(file->path, O_CLOEXEC);
    if (descriptor >= 0 && place == PLACE_ANONYMOUS)
        snprintf(file->path, sizeof file->path, "/proc/%ld/fd/%d", (long)getpid(), descriptor);
    struct stat facts;
    if (descriptor >= 0 && ftruncate(descriptor, (off_t)bytes) == 0 && fstat(descriptor, &facts) == 0) {
        file->device = facts.st_dev;
        file->inode = facts.st_ino;
        return descriptor;
    }
    file->error_number = errno;
    if (descriptor >= 0) {
        if (place == PLACE_DEV_SHM)
            (void)unlink(file->path);
        (void)close(descriptor);
    }
    file->path[0] = '\0';
    return -1;
}

/* Opens it on another rank; returns its descriptor, or -1 with error_number set. */
static int open_file(struct shared_file *file)
{
    if (!file->path[0])
        return -1;
    int descriptor = open(file->path, O_RDWR | O_CLOEXEC);
    struct stat facts;
    if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
        file->error_number = errno;
    } else if (facts.st_dev != file->device || facts.st_ino != file->inode) {
        file->error_number = ESTALE;
    } else {
        return descriptor;
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    return -1;
}

/* Opens one file on all ranks of the node, or, with *descriptor -1 and *error_number set, on none. */
static enum status share_file(const struct comm *comm, enum place place, size_t bytes, int *descriptor,
                              int *error_number, struct error *error)
{
    enum status status;
    struct shared_file file;
    *descriptor = comm->node_rank == 0 ? make_file(&file, place, bytes) : -1;
    TRY(mpi_check(COMM_WAIT(comm, MPI_Bcast(&file, (int)sizeof file, MPI_BYTE, 0, comm->handles->node)),
                  "MPI_Bcast", error));
    if (comm->node_rank != 0)
        *descriptor = open_file(&file);
    *error_number = *descriptor < 0 ? file.error_number : 0;
    TRY(mpi_check(
        COMM_WAIT(comm, MPI_Allreduce(MPI_IN_PLACE, error_number, 1, MPI_INT, MPI_MAX, comm->handles->node)),
        "MPI_Allreduce", error));
    if (place == PLACE_DEV_SHM && comm->node_rank == 0 && file.path[0])
        (void)unlink(file.path);
done:
    if ((status != STATUS_OK || *error_number != 0) && *descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
    return status;
}

static enum status share_file_anywhere(const struct comm *comm, size_t bytes, int *descriptor,
                                       struct error *error)
{
    enum status status = STATUS_OK;
    int error_number = 0;
    *descriptor = -1;
    if (comm->node_size == 1)
        return STATUS_OK;
    for (int place = 0; status == STATUS_OK && *descriptor < 0 && place < PLACES; place++)
        status = share_file(comm, (enum place)place, bytes, descriptor, &error_number, error);
    if (status == STATUS_OK && *descriptor < 0)
        status = error_system(error, error_number, "cannot share memory between the ranks of a host");
    return status;
}

/* Reserves the pages of this rank's part. */
static enum status reserve_part(const struct comm *comm, int descriptor, size_t bytes, struct error *error)
{
    if (descriptor < 0)
        return STATUS_OK;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = bytes / page_bytes;
    struct range part = partition_range(pages, (size_t)comm->node_size, (size_t)comm->node_rank);
    if (part.count == 0)
        return STATUS_OK;
    /* The kernel would try even that, until it kills something. */
    int error_number = pages > (size_t)sysconf(_SC_PHYS_PAGES) ? ENOMEM : EINTR;
    while (error_number == EINTR)
        error_number =
            posix_fallocate(descriptor, (off_t)(part.first * page_bytes), (off_t)(part.count * page_bytes));
    if (error_number == 0)
        return STATUS_OK;
    char host[COMM_HOST_BYTES];
    comm_host_name(host);
    error_system(error, error_number, "%s is short of memory for its ranks to share", host);
    return error_remedy(error, "%zu bytes are needed", bytes);
}

static enum status map_file(struct comm_shared *shared, int descriptor, struct error *error)
{
    if (shared->alone)
        return memory_allocate(&shared->memory, 1, shared->bytes, error);
    size_t bytes = shared->bytes + MEMORY_HUGE_PAGE_BYTES;
    char *mapping = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *memory = mapping;
    if (mapping != MAP_FAILED) {
        shared->mapping = mapping;
        shared->mapping_bytes = bytes;
        memory += -(uintptr_t)mapping % MEMORY_HUGE_PAGE_BYTES;
        memory = mmap(memory, shared->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0);
    }
    if (memory == MAP_FAILED)
        return error_system(error, errno, "cannot map %zu bytes of shared memory", shared->bytes);
    shared->memory = memory;
    (void)madvise(memory, shared->bytes, ADVICE_COLLAPSE);
    return STATUS_OK;
}

enum status comm_shared_allocate(struct comm_shared **shared, void **memory, const struct comm *comm,
                                 size_t bytes, struct error *error)
{
    int descriptor = -1;
    enum status status;
    *memory = NULL;
    TRY(agree_on_status(comm, memory_new(shared, 1, error), error));
    (*shared)->alone = comm->node_size == 1;
    (*shared)->bytes = (*shared)->alone ? bytes : memory_page_bytes(bytes);
    TRY(agree_on_status(comm, share_file_anywhere(comm, (*shared)->bytes, &descriptor, error), error));
    TRY(agree_on_status(comm, reserve_part(comm, descriptor, (*shared)->bytes, error), error));
    TRY(agree_on_status(comm, map_file(*shared, descriptor, error), error));
    *memory = (*shared)->memory;
done:
    if (descriptor >= 0)
        (void)close(descriptor);
    if (status != STATUS_OK) {
        comm_shared_free(*shared);
        *shared = NULL;
    }
    return status;
}

void comm_shared_free(struct comm_shared *shared)
{
    if (!shared)
        return;
    if (shared->alone)
        memory_free(shared->memory);
    else if (shared->mapping)
        (void)munmap(shared->mapping, shared->mapping_bytes);
    memory_free(shared);
}
