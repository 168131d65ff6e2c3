#include "lstm_mpi/store/metrics_file.h"
#include "lstm_mpi/store/run_directory.h"

#include "support/parallel.h"
#include "support/sample_snapshot.h"
#include "support/temporary_folder.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

/* Real disks of a fixed size. Mounting one needs the right to; without it the test says so and does nothing.
 */

static char folder[TEMPORARY_PATH_BYTES];
static const struct sample_shape shape = {300, 200, 1, 64}; /* about 2 MiB */

static bool mount_disk(const struct comm *comm, size_t kilobytes)
{
    struct error error;
    char mounted = 1;
    if (comm->rank == 0) {
        char options[64];
        temporary_folder_make(folder);
        snprintf(options, sizeof options, "size=%zuk", kilobytes);
        if (mount("tmpfs", folder, "tmpfs", 0, options) != 0) {
            fprintf(stderr, "skipped: a small disk cannot be mounted here (%s)\n", strerror(errno));
            rmdir(folder);
            mounted = 0;
        }
    }
    CHECK(comm_broadcast(comm, &mounted, 1, 0, &error) == STATUS_OK);
    CHECK(comm_broadcast(comm, folder, sizeof folder, 0, &error) == STATUS_OK);
    return mounted;
}

static void unmount_disk(const struct comm *comm)
{
    struct error error;
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    if (comm->rank == 0) {
        CHECK(umount(folder) == 0);
        CHECK(rmdir(folder) == 0);
    }
}

/* Leaves so many bytes of the disk free. */
static void fill_disk(size_t left)
{
    char path[2 * TEMPORARY_PATH_BYTES];
    struct statvfs facts;
    if (statvfs(folder, &facts) != 0)
        return;
    size_t room = facts.f_bavail * facts.f_bsize;
    snprintf(path, sizeof path, "%s/filler", folder);
    char *zeros = calloc(1, room + 1);
    if (room > left && zeros)
        temporary_file_write(path, zeros, room - left);
    free(zeros);
}

static enum status write_update(struct run_directory *run, const struct comm *comm, uint64_t update,
                                struct error *error)
{
    struct sample sample;
    sample_make(&sample, comm, shape, 3, update);
    enum status status = run_directory_write_checkpoint(run, comm, &sample.snapshot, 2, error);
    sample_free(&sample);
    return status;
}

static void check_good(const struct run_directory *run, const struct comm *comm, uint64_t update)
{
    struct error error;
    struct checkpoint *checkpoint = NULL;
    CHECK(checkpoint_open(&checkpoint, comm, run->checkpoint, CHECKPOINT_RUN, &error) == STATUS_OK);
    CHECK(checkpoint && checkpoint->progress.update == update);
    CHECK(checkpoint && sample_differences(checkpoint, comm, shape, update) == 0);
    checkpoint_close(checkpoint);
}

/* The first checkpoint fits; for the next one only `left` bytes are there. */
static bool test_room_left(const struct comm *comm, size_t left)
{
    struct error error = {0};
    struct run_directory run;
    if (!mount_disk(comm, 16384))
        return false;
    CHECK(run_directory_claim(&run, comm, folder, RUN_CLAIM_NEW, &error) == STATUS_OK);
    CHECK(write_update(&run, comm, 1, &error) == STATUS_OK);
    if (comm->rank == 0)
        fill_disk(left);
    CHECK(write_update(&run, comm, 2, &error) == STATUS_FAILED);
    CHECK(strcmp(error.why, "No space left on device") == 0);
    CHECK(strstr(error.what, "/checkpoint.h5") != NULL);
    CHECK(comm->rank > 0 || strcmp(temporary_folder_list(folder), "checkpoint.h5 filler ") == 0);
    check_good(&run, comm, 1);

    if (comm->rank == 0 && left == 0) {
        struct history history = {0};
        CHECK(metrics_file_write(run.metrics, &history, &error) == STATUS_FAILED);
        CHECK(strcmp(error.why, "No space left on device") == 0);
    }
    CHECK(comm->rank > 0 || strcmp(temporary_folder_list(folder), "checkpoint.h5 filler ") == 0);

    char filler[2 * TEMPORARY_PATH_BYTES];
    snprintf(filler, sizeof filler, "%s/filler", folder);
    CHECK(comm_barrier(comm, &error) == STATUS_OK);
    CHECK(comm->rank > 0 || unlink(filler) == 0);
    CHECK(write_update(&run, comm, 2, &error) == STATUS_OK);
    check_good(&run, comm, 2);
    run_directory_free(&run);
    unmount_disk(comm);
    return true;
}

static void test(const struct comm *comm)
{
    static const size_t left[] = {0, 4096, 16384, 65536, 1 << 20, 7 << 18};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (!test_room_left(comm, left[i]))
            return;
}

int main(void)
{
    return parallel_run(test);
}
