#include "lstm_mpi/store/run_directory.h"
#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/same_file.h"
#include "lstm_mpi/dist/agree.h"
#include "lstm_mpi/store/checkpoint.h"
#include "lstm_mpi/store/durable_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char checkpoint_name[] = RUN_DIRECTORY_CHECKPOINT;
static const char best_name[] = RUN_DIRECTORY_BEST;
static const char metrics_name[] = RUN_DIRECTORY_METRICS;
static const char older_prefix[] = "checkpoint-";
static const char older_suffix[] = ".h5";

/* The longest name of a file: prefix, 20 digits, suffix. */
enum { NAME_BYTES = 64 };

static enum status join(char **out, const char *folder, const char *name, struct error *error)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    enum status status = memory_new(out, bytes, error);
    if (status == STATUS_OK)
        snprintf(*out, bytes, "%s/%s", folder, name);
    return status;
}

static enum status older_path(char **out, const struct run_directory *run, uint64_t update,
                              struct error *error)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%" PRIu64 "%s", older_prefix, update, older_suffix);
    return join(out, run->path, name, error);
}

/* Is it checkpoint-UPDATE.h5, written as this program writes it? */
static bool is_older(const char *name, uint64_t *update)
{
    if (strncmp(name, older_prefix, strlen(older_prefix)) != 0)
        return false;
    const char *digits = name + strlen(older_prefix);
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || (digits[0] == '0' && length > 1) || strcmp(digits + length, older_suffix) != 0)
        return false;
    errno = 0;
    *update = strtoull(digits, NULL, 10);
    return errno == 0;
}

/* What is in the folder. */
struct contents {
    bool checkpoint;
    bool best;
    bool metrics;
    uint64_t *older; /* updates, falling */
    size_t older_count;
    size_t capacity;
};

static int by_falling_update(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first < second) - (first > second);
}

/* A folder that is not there holds nothing: NULL, and no error. closedir. */
static enum status open_folder(DIR **out, const struct run_directory *run, struct error *error)
{
    *out = opendir(run->path);
    if (!*out && errno != ENOENT)
        return error_system(error, errno, "cannot read the folder %s", run->path);
    return STATUS_OK;
}

static enum status list_contents(struct contents *contents, const struct run_directory *run,
                                 struct error *error)
{
    *contents = (struct contents){0};
    DIR *folder;
    enum status status = open_folder(&folder, run, error);
    if (!folder)
        return status;
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(folder))) {
        uint64_t update;
        contents->checkpoint |= strcmp(entry->d_name, checkpoint_name) == 0;
        contents->best |= strcmp(entry->d_name, best_name) == 0;
        contents->metrics |= strcmp(entry->d_name, metrics_name) == 0;
        if (is_older(entry->d_name, &update)) {
            TRY(memory_grow(&contents->older, &contents->capacity, contents->older_count + 1, error));
            contents->older[contents->older_count++] = update;
        }
        errno = 0;
    }
    if (errno != 0)
        TRY(error_system(error, errno, "cannot read the folder %s", run->path));
    if (contents->older_count > 0)
        qsort(contents->older, contents->older_count, sizeof *contents->older, by_falling_update);
done:
    closedir(folder);
    return status;
}

/* Makes all folders of a path that are missing, such that they survive a power cut as their files do. */
static enum status make_folders(const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    char *part = NULL;
    struct stat facts;
    TRY(memory_copy_text(&part, path, error));
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        int error_number = mkdir(part, 0777) == 0 ? 0 : errno;
        if (error_number != 0 && error_number != EEXIST && stat(part, &facts) != 0)
            TRY(error_system(error, error_number, "cannot make the folder %s", path));
        if (error_number == 0 && (error_number = durable_file_sync_name(part)) != 0)
            TRY(error_system(error, error_number, "cannot make the folder %s", path));
        if (!slash)
            break;
        *slash = '/';
    }
    if (stat(path, &facts) != 0)
        TRY(error_system(error, errno, "cannot make the folder %s", path));
    if (!S_ISDIR(facts.st_mode))
        TRY(error_system(error, ENOTDIR, "cannot make the folder %s", path));
done:
    memory_free(part);
    return status;
}

static enum status holds_a_run(const struct run_directory *run, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot begin a run in %s", run->path);
    error_why(error, "the folder holds a run already");
    return error_remedy(error,
                        "--resume goes on with it, --overwrite begins it anew, --run-dir takes another");
}

/* Behind NAME.part: nothing, or what Open MPI puts there for a moment, with the number of a rank. */
static bool is_end_of_leftover(const char *end)
{
    static const char *const ends[] = {".data.", ".metadata.", ".locktest."};
    bool found = *end == '\0';
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !found; i++) {
        const char *digits = end + strlen(ends[i]);
        found = strncmp(end, ends[i], strlen(ends[i])) == 0 && *digits != '\0' &&
                digits[strspn(digits, "0123456789")] == '\0';
    }
    return found;
}

/* Is it half of a file of this program, and not a user's, such as what split makes? */
static bool is_leftover(const char *name)
{
    static const char part[] = ".h5" DURABLE_FILE_SUFFIX;
    char of[NAME_BYTES];
    uint64_t update;
    const char *suffix = strstr(name, part);
    if (!suffix || (size_t)(suffix - name) + sizeof older_suffix > sizeof of)
        return false;
    snprintf(of, sizeof of, "%.*s%s", (int)(suffix - name), name, older_suffix);
    bool ours = strcmp(of, checkpoint_name) == 0 || strcmp(of, best_name) == 0 ||
                strcmp(of, metrics_name) == 0 || is_older(of, &update);
    return ours && is_end_of_leftover(suffix + strlen(part));
}

static enum status remove_leftovers(const struct run_directory *run, struct error *error)
{
    DIR *folder;
    enum status status = open_folder(&folder, run, error);
    if (!folder)
        return status;
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        if (is_leftover(entry->d_name) && unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT)
            TRY(error_system(error, errno, "cannot remove %s/%s, which a killed run left", run->path,
                             entry->d_name));
done:
    closedir(folder);
    return status;
}

/* Fails where the folder holds a run. */
static enum status check_empty(const struct run_directory *run, struct error *error)
{
    struct contents contents;
    enum status status = list_contents(&contents, run, error);
    if (status == STATUS_OK &&
        (contents.checkpoint || contents.best || contents.metrics || contents.older_count > 0))
        status = holds_a_run(run, error);
    memory_free(contents.older);
    return status;
}

static enum status is_taken(const struct run_directory *run, struct error *error)
{
    error_set(error, STATUS_FAILED, "cannot write into %s", run->path);
    error_why(error, "another run is at work there");
    return error_remedy(error, "wait until it has ended, or take another --run-dir");
}

/* The kernel gives the lock up when the process ends, in whatever way. Where a file system has no locks for
 * folders, there is none. */
static enum status lock_folder(struct run_directory *run, unsigned seconds, struct error *error)
{
    enum { TRIES_A_SECOND = 20 };
    const struct timespec pause = {.tv_nsec = 1000000000 / TRIES_A_SECOND};
    int folder = open(run->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run->was_there = folder >= 0;
    if (folder < 0)
        return STATUS_OK;
    int failure = EWOULDBLOCK;
    for (unsigned try = 0; try <= seconds * TRIES_A_SECOND; try++) {
        if (try > 0)
            nanosleep(&pause, NULL);
        failure = flock(folder, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (failure != EWOULDBLOCK && failure != EINTR)
            break;
    }
    run->has_folder = failure != EWOULDBLOCK;
    if (!run->has_folder) {
        close(folder);
        return is_taken(run, error);
    }
    run->folder = folder;
    return STATUS_OK;
}

/* Rank 0's part of a claim. */
static enum status claim_folder(struct run_directory *run, enum run_claim claim, struct error *error)
{
    enum { PATIENCE_SECONDS = 10 };
    enum status status = STATUS_OK;
    if (claim == RUN_CLAIM_NEW)
        TRY(check_empty(run, error));
    TRY(lock_folder(run, claim == RUN_CLAIM_NEW ? 0 : PATIENCE_SECONDS, error));
    TRY(remove_leftovers(run, error));
done:
    return status;
}

/* Rank 0 makes the folder. One that was not there at the claim may be another run's by now. */
static enum status make_claimed(struct run_directory *run, struct error *error)
{
    enum status status;
    TRY(make_folders(run->path, error));
    if (run->was_there)
        goto done;
    TRY(lock_folder(run, 0, error));
    TRY(check_empty(run, error));
done:
    return status;
}

enum status run_directory_claim(struct run_directory *run, const struct comm *comm, const char *path,
                                enum run_claim claim, struct error *error)
{
    *run = (struct run_directory){0};
    enum status status = memory_copy_text(&run->path, path, error);
    if (status == STATUS_OK)
        status = join(&run->checkpoint, path, checkpoint_name, error);
    if (status == STATUS_OK)
        status = join(&run->best, path, best_name, error);
    if (status == STATUS_OK)
        status = join(&run->metrics, path, metrics_name, error);
    if (status == STATUS_OK && comm->rank == 0)
        status = claim_folder(run, claim, error);
    return agree_on_status(comm, status, error);
}

enum status run_directory_make(struct run_directory *run, const struct comm *comm, struct error *error)
{
    enum status status = comm->rank == 0 ? make_claimed(run, error) : STATUS_OK;
    return agree_on_status(comm, status, error);
}

void run_directory_free(struct run_directory *run)
{
    memory_free(run->path);
    memory_free(run->checkpoint);
    memory_free(run->best);
    memory_free(run->metrics);
    if (run->has_folder)
        close(run->folder);
    *run = (struct run_directory){0};
}

/* Rank 0's part of a check. */
static enum status check_place(const struct run_directory *run, struct error *error)
{
    struct stat claimed, now;
    if (!run->has_folder)
        return STATUS_OK;
    if (fstat(run->folder, &claimed) != 0 || stat(run->path, &now) != 0)
        return error_system(error, errno, "cannot write into %s", run->path);
    if (same_file(&claimed, &now))
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "cannot write into %s", run->path);
    error_why(error, "the folder is another one now, and that of this run was moved away");
    return error_remedy(error, "go on with --resume and the --run-dir that it has now");
}

enum status run_directory_check(const struct run_directory *run, const struct comm *comm, struct error *error)
{
    enum status status = comm->rank == 0 ? check_place(run, error) : STATUS_OK;
    return agree_on_status(comm, status, error);
}

/* Makes rank 0's contents everyone's. */
static enum status share_contents(struct contents *contents, const struct comm *comm, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t header[2] = {contents->checkpoint, contents->older_count};
    TRY(comm_broadcast(comm, header, sizeof header, 0, error));
    status = memory_grow(&contents->older, &contents->capacity, header[1], error);
    TRY(agree_on_status(comm, status, error));
    contents->checkpoint = header[0] != 0;
    contents->older_count = header[1];
    TRY(comm_broadcast(comm, contents->older, contents->older_count * sizeof *contents->older, 0, error));
done:
    return status;
}

enum status run_directory_candidates(char ***paths, size_t *count, const struct run_directory *run,
                                     const struct comm *comm, struct error *error)
{
    enum status status = STATUS_OK;
    struct contents contents = {0};
    *paths = NULL;
    *count = 0;
    if (comm->rank == 0)
        status = list_contents(&contents, run, error);
    TRY(agree_on_status(comm, status, error));
    TRY(share_contents(&contents, comm, error));

    size_t total = contents.older_count + contents.checkpoint;
    size_t bytes = strlen(run->path) + NAME_BYTES;
    char *block = NULL;
    status = memory_allocate(&block, total, sizeof(char *) + bytes, error);
    TRY(agree_on_status(comm, status, error));
    char **list = (char **)(void *)block;
    for (size_t i = 0; i < total; i++)
        list[i] = (char *)(list + total) + i * bytes;
    if (contents.checkpoint)
        snprintf(list[0], bytes, "%s", run->checkpoint);
    for (size_t i = 0; i < contents.older_count; i++)
        snprintf(list[i + contents.checkpoint], bytes, "%s/%s%" PRIu64 "%s", run->path, older_prefix,
                 contents.older[i], older_suffix);
    *paths = list;
    *count = total;
done:
    memory_free(contents.older);
    return status;
}

void run_directory_resumed(struct run_directory *run, const char *path, uint64_t update)
{
    run->has_newest = strcmp(path, run->checkpoint) == 0;
    run->newest_update = update;
    run->has_bad = !run->has_newest && is_older(path + strlen(run->path) + 1, &run->good_number);
}

/* For file systems without hard links. */
static enum status copy_file(const char *from, const char *to, struct error *error)
{
    enum status status = STATUS_OK;
    struct durable_file file = {0};
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        TRY(error_system(error, errno, "cannot read %s", from));
    TRY(durable_file_begin(&file, to, error));
    TRY(durable_file_fill(&file, source, error));
    TRY(durable_file_commit(&file, error));
done:
    if (source >= 0)
        close(source);
    durable_file_remove(&file);
    durable_file_free(&file);
    return status;
}

/* Gives a file, or that which a symbolic link leads to, another name besides its own; a file that has the
 * name is replaced at once, and nothing is removed before. Where there are no links, it becomes a copy. */
static enum status add_name(const char *path, const char *name, struct error *error)
{
    enum status status = STATUS_OK;
    char *part = NULL;
    size_t bytes = strlen(name) + sizeof DURABLE_FILE_SUFFIX;
    TRY(memory_new(&part, bytes, error));
    snprintf(part, bytes, "%s%s", name, DURABLE_FILE_SUFFIX);
    if (unlink(part) != 0 && errno != ENOENT)
        TRY(error_system(error, errno, "cannot remove %s", part));
    if (linkat(AT_FDCWD, path, AT_FDCWD, part, AT_SYMLINK_FOLLOW) != 0)
        status = copy_file(path, name, error);
    else if (rename(part, name) != 0)
        status = error_system(error, errno, "cannot replace %s", name);
    if (status != STATUS_OK)
        unlink(part);
done:
    memory_free(part);
    return status;
}

/* Rank 0 gives checkpoint.h5 the name of an older one besides its own. `*made` is that name where it did not
 * exist before. A file that has the name already is of the same update, and one of them is enough. */
static enum status keep_newest(char **made, const struct run_directory *run, struct error *error)
{
    enum status status = STATUS_OK;
    char *older = NULL;
    struct stat facts;
    TRY(older_path(&older, run, run->newest_update, error));
    bool existed = lstat(older, &facts) == 0;
    if (!same_file_at(run->checkpoint, older))
        TRY(add_name(run->checkpoint, older, error));
    if (!existed) {
        *made = older;
        older = NULL;
    }
done:
    memory_free(older);
    return status;
}

/* Rank 0 removes what is of an earlier run, and older checkpoints beyond those to keep. What cannot be
 * removed takes room, no more. */
static enum status prune(const struct run_directory *run, size_t keep, struct error *error)
{
    enum status status = STATUS_OK;
    struct contents contents = {0};
    char *path = NULL;
    size_t kept = 0;
    if (run->newest_update == 0 && unlink(run->best) != 0 && errno != ENOENT)
        log_warning("cannot remove %s of an earlier run: %s", run->best, strerror(errno));
    TRY(list_contents(&contents, run, error));
    for (size_t i = 0; i < contents.older_count; i++) {
        if (contents.older[i] < run->newest_update && kept < keep) {
            kept++;
            continue;
        }
        TRY(older_path(&path, run, contents.older[i], error));
        if (unlink(path) != 0 && errno != ENOENT)
            log_warning("cannot remove %s: %s", path, strerror(errno));
        memory_free(path);
        path = NULL;
    }
done:
    memory_free(path);
    memory_free(contents.older);
    return status;
}

/* Gives a file its NAME.bad, in the place of no other file. Where there are links it has its own name too. */
static enum status name_bad(const char *path, struct error *error)
{
    enum status status = STATUS_OK;
    char *name = NULL;
    size_t bytes = strlen(path) + NAME_BYTES;
    TRY(memory_new(&name, bytes, error));
    for (unsigned n = 1;; n++) {
        struct stat facts;
        snprintf(name, bytes, n == 1 ? "%s%s" : "%s%s-%u", path, RUN_DIRECTORY_BAD, n);
        if (linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 || same_file_at(path, name))
            break;
        if (lstat(name, &facts) == 0)
            continue;
        if (rename(path, name) != 0 && errno != ENOENT)
            status = error_system(error, errno, "cannot keep %s as %s", path, name);
        break;
    }
done:
    memory_free(name);
    return status;
}

/* Rank 0 makes way for what the run will write. */
static enum status set_bad_aside(const struct run_directory *run, struct error *error)
{
    enum status status = STATUS_OK;
    struct contents contents = {0};
    char *path = NULL;
    TRY(name_bad(run->checkpoint, error));
    TRY(list_contents(&contents, run, error));
    for (size_t i = 0; i < contents.older_count && contents.older[i] > run->good_number; i++) {
        TRY(older_path(&path, run, contents.older[i], error));
        TRY(name_bad(path, error));
        if (unlink(path) != 0 && errno != ENOENT)
            TRY(error_system(error, errno, "cannot remove %s, which is not good", path));
        memory_free(path);
        path = NULL;
    }
done:
    memory_free(path);
    memory_free(contents.older);
    return status;
}

/* After a failure on rank 0: where checkpoint.h5 is still the former file, its second name goes; else that
 * name is the former file's only one. */
static void undo_keep(struct run_directory *run, const char *made)
{
    if (same_file_at(run->checkpoint, made))
        unlink(made);
    else
        run->has_newest = false;
}

/* A bound of the bytes that the file of a snapshot has. */
static uint64_t most_bytes(const struct snapshot *snapshot)
{
    enum { FILE_OVERHEAD_BYTES = 1 << 18, TENSOR_OVERHEAD_BYTES = 1 << 11 };
    uint64_t bytes = FILE_OVERHEAD_BYTES + 2 * history_bytes(snapshot->history);
    size_t size = vocabulary_size(snapshot->vocabulary);
    bytes +=
        size * (vocabulary_longest_shown(snapshot->vocabulary) + 1 + sizeof(uint32_t) + sizeof(uint64_t));
    for (size_t t = 0; t < snapshot->tensor_count; t++)
        bytes += TENSOR_OVERHEAD_BYTES + tensor_elements(&snapshot->tensors[t]) * sizeof(float);
    return bytes + bytes / 1000; /* checksums */
}

/* The bound takes a look at the whole vocabulary: only where there is a limit. */
static enum status check_limit(const char *path, const struct snapshot *snapshot, struct error *error)
{
    return durable_file_has_limit() ? durable_file_check_limit(path, most_bytes(snapshot), error) : STATUS_OK;
}

enum status run_directory_write_checkpoint(struct run_directory *run, const struct comm *comm,
                                           const struct snapshot *snapshot, size_t keep, struct error *error)
{
    enum status status = STATUS_OK;
    char *made = NULL;
    bool becomes_older = run->has_newest && run->newest_update < snapshot->progress.update && keep > 0;
    if (comm->rank == 0)
        status = check_place(run, error);
    if (status == STATUS_OK)
        status = check_limit(run->checkpoint, snapshot, error);
    if (status == STATUS_OK && comm->rank == 0 && run->has_bad)
        status = set_bad_aside(run, error);
    if (status == STATUS_OK && comm->rank == 0 && becomes_older)
        status = keep_newest(&made, run, error);
    TRY(agree_on_status(comm, status, error));
    run->has_bad = false;
    status = checkpoint_write(comm, run->checkpoint, snapshot, error);
    if (status != STATUS_OK && made)
        undo_keep(run, made);
    if (status != STATUS_OK)
        goto done;
    run->has_newest = true;
    run->newest_update = snapshot->progress.update;
    if (comm->rank == 0)
        status = check_place(run, error);
    if (status == STATUS_OK && comm->rank == 0)
        status = prune(run, keep, error);
    TRY(agree_on_status(comm, status, error));
done:
    memory_free(made);
    return status;
}

enum status run_directory_write_best(const struct run_directory *run, const struct comm *comm,
                                     const struct snapshot *snapshot, struct error *error)
{
    enum status status = comm->rank == 0 ? check_place(run, error) : STATUS_OK;
    if (status == STATUS_OK)
        status = check_limit(run->best, snapshot, error);
    TRY(agree_on_status(comm, status, error));
    TRY(checkpoint_write(comm, run->best, snapshot, error));
done:
    return status;
}
