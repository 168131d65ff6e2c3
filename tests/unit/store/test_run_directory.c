#include "lstm_mpi/store/run_directory.h"
#include "support/sample_snapshot.h"
#include "support/temporary_folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct comm comm;
static char folder[TEMPORARY_PATH_BYTES];
static const struct sample_shape shape = {6, 2, 1, 3};
static const char *program;
static char *environment_at_start[1024]; /* before MPI added to it */

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static void inner(char path[TEMPORARY_PATH_BYTES], const char *name)
{
    snprintf(path, TEMPORARY_PATH_BYTES, "%.300s/%s", folder, name);
}

static void touch(const char *name)
{
    char path[TEMPORARY_PATH_BYTES];
    inner(path, name);
    temporary_file_write(path, "x", 1);
}

static void claim(struct run_directory *run, enum run_claim how)
{
    struct error error;
    if (run_directory_claim(run, &comm, folder, how, &error) != STATUS_OK ||
        run_directory_make(run, &comm, &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
}

static void write_update(struct run_directory *run, uint64_t update, size_t keep)
{
    struct error error;
    struct sample sample;
    sample_make(&sample, &comm, shape, 1, update);
    if (run_directory_write_checkpoint(run, &comm, &sample.snapshot, keep, &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
    sample_free(&sample);
}

static uint64_t update_in(const char *name)
{
    struct error error;
    struct checkpoint *checkpoint;
    char path[TEMPORARY_PATH_BYTES];
    inner(path, name);
    if (checkpoint_open(&checkpoint, &comm, path, CHECKPOINT_RUN, &error) != STATUS_OK)
        fail_msg("%s: %s", error.what, error.why);
    uint64_t update = checkpoint->progress.update;
    checkpoint_close(checkpoint);
    return update;
}

static void test_claim_makes_folders(void **state)
{
    (void)state;
    struct error error;
    struct run_directory run;
    char path[TEMPORARY_PATH_BYTES];
    inner(path, "a/b//c/");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_directory_claim(&run, &comm, path, RUN_CLAIM_NEW, &error), STATUS_OK);
        if (i == 0)
            assert_int_not_equal(access(path, F_OK), 0);
        assert_int_equal(run_directory_make(&run, &comm, &error), STATUS_OK);
        assert_int_equal(access(path, F_OK), 0);
        run_directory_free(&run);
    }
    touch("file");
    inner(path, "file/run");
    assert_int_equal(run_directory_claim(&run, &comm, path, RUN_CLAIM_NEW, &error), STATUS_FAILED);
    assert_non_null(strstr(error.what, path));
    assert_string_equal(error.why, "Not a directory");
    run_directory_free(&run);
    inner(path, "file");
    assert_int_equal(run_directory_claim(&run, &comm, path, RUN_CLAIM_NEW, &error), STATUS_FAILED);
    assert_string_equal(error.why, "Not a directory");
    run_directory_free(&run);
}

static void test_claim_of_a_run(void **state)
{
    (void)state;
    static const char *const signs[] = {"checkpoint.h5", "checkpoint-12.h5", "metrics.h5"};
    struct error error;
    struct run_directory run;
    char path[TEMPORARY_PATH_BYTES];
    for (size_t i = 0; i < 3; i++) {
        touch(signs[i]);
        touch("checkpoint.h5.part");
        assert_int_equal(run_directory_claim(&run, &comm, folder, RUN_CLAIM_NEW, &error), STATUS_FAILED);
        assert_non_null(strstr(error.why, "holds a run already"));
        assert_non_null(strstr(error.remedy, "--resume"));
        assert_non_null(strstr(temporary_folder_list(folder), "checkpoint.h5.part "));
        run_directory_free(&run);
        claim(&run, i == 0 ? RUN_CLAIM_RESUME : RUN_CLAIM_OVERWRITE);
        assert_null(strstr(temporary_folder_list(folder), ".part"));
        assert_non_null(strstr(temporary_folder_list(folder), signs[i]));
        run_directory_free(&run);
        inner(path, signs[i]);
        unlink(path);
    }
}

static void test_claim_of_a_folder_at_work(void **state)
{
    (void)state;
    struct error error;
    struct run_directory first, second;
    char path[TEMPORARY_PATH_BYTES];
    inner(path, "run");
    assert_int_equal(run_directory_claim(&first, &comm, path, RUN_CLAIM_NEW, &error), STATUS_OK);
    assert_int_equal(run_directory_claim(&second, &comm, path, RUN_CLAIM_RESUME, &error), STATUS_OK);
    assert_int_equal(run_directory_make(&first, &comm, &error), STATUS_OK);
    assert_int_equal(run_directory_make(&second, &comm, &error), STATUS_FAILED);
    assert_string_equal(error.why, "another run is at work there");
    run_directory_free(&second);
    assert_int_equal(run_directory_claim(&second, &comm, path, RUN_CLAIM_NEW, &error), STATUS_FAILED);
    assert_string_equal(error.why, "another run is at work there");
    run_directory_free(&second);
    run_directory_free(&first);
    assert_int_equal(run_directory_claim(&second, &comm, path, RUN_CLAIM_NEW, &error), STATUS_OK);
    run_directory_free(&second);
}

/* Between the claim and the first file of one run, another one came and went. */
static void test_claim_that_came_too_late(void **state)
{
    (void)state;
    struct error error;
    struct run_directory run;
    char path[TEMPORARY_PATH_BYTES];
    inner(path, "run");
    assert_int_equal(run_directory_claim(&run, &comm, path, RUN_CLAIM_OVERWRITE, &error), STATUS_OK);
    assert_int_equal(mkdir(path, 0777), 0);
    touch("run/checkpoint.h5");
    assert_int_equal(run_directory_make(&run, &comm, &error), STATUS_FAILED);
    assert_non_null(strstr(error.why, "holds a run already"));
    run_directory_free(&run);
}

/* What a killed run left half written is no run, and goes; other files are none of ours. */
static void test_leftovers(void **state)
{
    (void)state;
    struct run_directory run;
    static const char *const others[] = {
        "checkpoint-x.h5",          "checkpoint-007.h5",        "notes.h5.part",
        "checkpoint.h5.part-aa",    "checkpoint-3.h5.partab",   "checkpoint.h5.part.data.x",
        "checkpoint-old.h5.part",   "checkpoint.h5.part.data.", "metrics.h5.part.txt",
        "best.h5.part.locktest.0a", "checkpoint.h5.part.part",
    };
    enum { OTHERS = sizeof others / sizeof *others };
    char list[4096] = "";
    for (size_t i = 0; i < OTHERS; i++)
        touch(others[i]);
    snprintf(list, sizeof list, "%s", temporary_folder_list(folder));
    touch("checkpoint.h5.part");
    touch("checkpoint-3.h5.part");
    touch("checkpoint.h5.part.locktest.0");
    touch("checkpoint-12.h5.part.data.1");
    touch("best.h5.part.metadata.10");
    touch("metrics.h5.part");
    claim(&run, RUN_CLAIM_NEW);
    assert_string_equal(temporary_folder_list(folder), list);
    run_directory_free(&run);
}

static void test_keep(void **state)
{
    (void)state;
    struct run_directory run;
    claim(&run, RUN_CLAIM_NEW);
    for (uint64_t update = 8; update <= 11; update++)
        write_update(&run, update, 2);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-10.h5 checkpoint-9.h5 checkpoint.h5 ");
    assert_int_equal(update_in("checkpoint-10.h5"), 10);
    assert_int_equal(update_in("checkpoint-9.h5"), 9);
    write_update(&run, 11, 2); /* the same update again */
    assert_string_equal(temporary_folder_list(folder), "checkpoint-10.h5 checkpoint-9.h5 checkpoint.h5 ");
    write_update(&run, 12, 1);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-11.h5 checkpoint.h5 ");
    write_update(&run, 13, 0);
    assert_string_equal(temporary_folder_list(folder), "checkpoint.h5 ");
    assert_int_equal(update_in("checkpoint.h5"), 13);
    run_directory_free(&run);
}

/* Nothing goes before the first checkpoint of the new run is there, and then all of the old one does. */
static void test_overwrite(void **state)
{
    (void)state;
    struct run_directory run;
    claim(&run, RUN_CLAIM_NEW);
    for (uint64_t update = 0; update <= 20; update += 10)
        write_update(&run, update, 5);
    run_directory_free(&run);
    claim(&run, RUN_CLAIM_OVERWRITE);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-0.h5 checkpoint-10.h5 checkpoint.h5 ");
    write_update(&run, 0, 5);
    assert_string_equal(temporary_folder_list(folder), "checkpoint.h5 ");
    assert_int_equal(update_in("checkpoint.h5"), 0);
    run_directory_free(&run);
}

/* checkpoint.h5 was not good: it does not become an older one, and the one gone on from stays until then.
 * What was not good stays under other names. */
static void test_resume_from_an_older_one(void **state)
{
    (void)state;
    struct error error;
    struct run_directory run;
    char **paths;
    size_t count;
    claim(&run, RUN_CLAIM_NEW);
    for (uint64_t update = 1; update <= 10; update += 3)
        write_update(&run, update, 9);
    run_directory_free(&run);
    touch("checkpoint.h5");
    touch("checkpoint-7.h5");
    touch("checkpoint.h5.bad");
    touch("checkpoint.h5.bad-2");

    claim(&run, RUN_CLAIM_RESUME);
    assert_int_equal(run_directory_candidates(&paths, &count, &run, &comm, &error), STATUS_OK);
    assert_int_equal(count, 4);
    assert_string_equal(paths[0], run.checkpoint);
    assert_non_null(strstr(paths[1], "/checkpoint-7.h5"));
    assert_non_null(strstr(paths[2], "/checkpoint-4.h5"));
    assert_non_null(strstr(paths[3], "/checkpoint-1.h5"));
    run_directory_resumed(&run, paths[2], 4);
    memory_free(paths);
    write_update(&run, 4, 9);
    assert_string_equal(temporary_folder_list(folder),
                        "checkpoint-1.h5 checkpoint-7.h5.bad checkpoint.h5 checkpoint.h5.bad "
                        "checkpoint.h5.bad-2 checkpoint.h5.bad-3 ");
    assert_int_equal(update_in("checkpoint.h5"), 4);
    write_update(&run, 5, 9);
    write_update(&run, 8, 9);
    assert_string_equal(temporary_folder_list(folder),
                        "checkpoint-1.h5 checkpoint-4.h5 checkpoint-5.h5 checkpoint-7.h5.bad checkpoint.h5 "
                        "checkpoint.h5.bad checkpoint.h5.bad-2 checkpoint.h5.bad-3 ");
    run_directory_free(&run);
}

static void test_resume_from_the_newest(void **state)
{
    (void)state;
    struct run_directory run;
    claim(&run, RUN_CLAIM_NEW);
    write_update(&run, 3, 2);
    run_directory_free(&run);
    claim(&run, RUN_CLAIM_RESUME);
    run_directory_resumed(&run, run.checkpoint, 3);
    write_update(&run, 3, 2);
    assert_string_equal(temporary_folder_list(folder), "checkpoint.h5 ");
    write_update(&run, 6, 2);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-3.h5 checkpoint.h5 ");
    run_directory_free(&run);
}

static void link_to(const char *target, const char *name)
{
    char path[TEMPORARY_PATH_BYTES];
    inner(path, name);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

/* To go back, checkpoint.h5 was made a symbolic link: what it leads to stays. */
static void test_symbolic_link(void **state)
{
    (void)state;
    struct run_directory run;
    claim(&run, RUN_CLAIM_NEW);
    for (uint64_t update = 1; update <= 3; update++)
        write_update(&run, update, 9);
    run_directory_free(&run);
    char *two;
    size_t bytes, bytes_after;
    char path[TEMPORARY_PATH_BYTES];
    inner(path, "checkpoint-2.h5");
    assert_non_null(two = temporary_file_read(path, &bytes));
    link_to("checkpoint-2.h5", "checkpoint.h5");

    claim(&run, RUN_CLAIM_RESUME);
    run_directory_resumed(&run, run.checkpoint, 2);
    write_update(&run, 4, 9);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-1.h5 checkpoint-2.h5 checkpoint.h5 ");
    assert_int_equal(update_in("checkpoint.h5"), 4);
    char *after = temporary_file_read(path, &bytes_after);
    assert_non_null(after);
    assert_int_equal(bytes, bytes_after);
    assert_memory_equal(two, after, bytes);
    free(two);
    free(after);
    run_directory_free(&run);
}

/* It may lead to a file of any name: that gets the one of an older checkpoint besides. */
static void test_symbolic_link_to_a_copy(void **state)
{
    (void)state;
    struct run_directory run;
    struct stat facts;
    char from[TEMPORARY_PATH_BYTES], path[TEMPORARY_PATH_BYTES];
    claim(&run, RUN_CLAIM_NEW);
    write_update(&run, 2, 9);
    run_directory_free(&run);
    inner(from, "checkpoint.h5");
    inner(path, "mine.h5");
    assert_int_equal(rename(from, path), 0);
    link_to("mine.h5", "checkpoint.h5");
    touch("checkpoint-2.h5.part");
    claim(&run, RUN_CLAIM_RESUME);
    run_directory_resumed(&run, run.checkpoint, 2);
    write_update(&run, 4, 9);
    assert_string_equal(temporary_folder_list(folder), "checkpoint-2.h5 checkpoint.h5 mine.h5 ");
    assert_int_equal(update_in("mine.h5"), 2);
    assert_int_equal(update_in("checkpoint-2.h5"), 2);
    inner(path, "checkpoint-2.h5");
    assert_int_equal(lstat(path, &facts), 0);
    assert_true(S_ISREG(facts.st_mode));
    run_directory_free(&run);
}

/* Another process writes checkpoints without end, and is killed at any moment. */

static int write_until_killed(const char *path)
{
    struct error error;
    struct run_directory run;
    struct sample sample;
    if (run_directory_claim(&run, &comm, path, RUN_CLAIM_OVERWRITE, &error) != STATUS_OK ||
        run_directory_make(&run, &comm, &error) != STATUS_OK)
        return 1;
    sample_make(&sample, &comm, shape, 1, 0);
    for (;; sample.snapshot.progress.update++)
        if (run_directory_write_checkpoint(&run, &comm, &sample.snapshot, 2, &error) != STATUS_OK)
            return 1;
}

static void test_killed(void **state)
{
    (void)state;
    enum { KILLS = 12 };
    for (unsigned i = 0; i < KILLS; i++) {
        char path[TEMPORARY_PATH_BYTES];
        inner(path, "checkpoint.h5");
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            execve(program, (char *[]){(char *)program, folder, NULL}, environment_at_start);
            _exit(127);
        }
        while (access(path, F_OK) != 0 && waitpid(child, NULL, WNOHANG) == 0)
            usleep(1000);
        usleep(3000 + i * 2711);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        update_in("checkpoint.h5");
    }
    struct run_directory run;
    claim(&run, RUN_CLAIM_RESUME);
    assert_null(strstr(temporary_folder_list(folder), ".part"));
    run_directory_free(&run);
}

int main(int count, char **arguments)
{
    struct error error;
    program = arguments[0];
    for (size_t i = 0; environ[i] && i + 1 < sizeof environment_at_start / sizeof *environment_at_start; i++)
        environment_at_start[i] = environ[i];
    if (comm_start(&comm, &error) != STATUS_OK)
        return 1;
    if (count > 1)
        return write_until_killed(arguments[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_claim_makes_folders, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_claim_of_a_run, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_claim_of_a_folder_at_work, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_claim_that_came_too_late, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_leftovers, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_keep, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_overwrite, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_resume_from_an_older_one, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_resume_from_the_newest, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_symbolic_link, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_symbolic_link_to_a_copy, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_killed, make_folder, remove_folder),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(&comm);
    return failed;
}
