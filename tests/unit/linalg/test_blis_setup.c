/* BLIS starts once a process, and the vector level is chosen once, so each start is made in a child with
 * variables of its own, and the parent asks for neither. */

#include "lstm_mpi/linalg/blis_setup.h"

#include "lstm_mpi/linalg/vector_level.h"
#include "support/blis_configuration.h"

#include <blis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a child reports through its pipe. */
struct report {
    enum status status;
    struct blis_setup setup;
    enum vector_level level;
    char in_use[32]; /* what BLIS itself says */
    char line[ERROR_LINE_BYTES];
};

struct variable {
    const char *name;
    const char *value;
};

static void start_and_report(const struct variable *variables, int pipe_end)
{
    static const char *const cleared[] = {"BLIS_ARCH_TYPE", "BLIS_NUM_THREADS", "OMP_NUM_THREADS",
                                          "LSTM_MPI_VECTOR_LEVEL"};
    for (size_t i = 0; i < sizeof cleared / sizeof cleared[0]; i++)
        unsetenv(cleared[i]);
    for (const struct variable *variable = variables; variable->name; variable++)
        setenv(variable->name, variable->value, 1);
    static struct report report;
    struct error error;
    report.status = blis_setup_start(&error);
    report.level = vector_level_in_use();
    report.setup = *blis_setup_in_use();
    if (report.status == STATUS_OK)
        snprintf(report.in_use, sizeof report.in_use, "%s", bli_arch_string(bli_arch_query_id()));
    else
        error_line(report.line, &error);
    _exit(write(pipe_end, &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
}

static struct report start_with(const struct variable *variables)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        start_and_report(variables, ends[1]);
    close(ends[1]);
    static struct report report;
    ssize_t bytes = read(ends[0], &report, sizeof report);
    close(ends[0]);
    int exit_status;
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_int_equal(bytes, sizeof report);
    assert_true(WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0);
    if (report.status == STATUS_OK)
        assert_string_equal(report.setup.configuration, report.in_use);
    return report;
}

#define START(...) start_with((const struct variable[]){__VA_ARGS__ __VA_OPT__(, ){NULL, NULL}})

static const char *number_of(const char *configuration)
{
    static char number[16];
    snprintf(number, sizeof number, "%d", blis_configuration_number(configuration));
    return number;
}

static bool is_one_of(const char *configuration, const char *const *names)
{
    while (*names && strcmp(configuration, *names) != 0)
        names++;
    return *names;
}

static const char *const need_avx512[] = {"skx", "knl", NULL};
static const char *const need_avx2[] = {"haswell", "zen", "zen2", "zen3", NULL};

static const char *choice_of_blis(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsetenv("BLIS_ARCH_TYPE");
        _exit((int)bli_arch_query_id());
    }
    int exit_status;
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_true(WIFEXITED(exit_status));
    return bli_arch_string((arch_t)WEXITSTATUS(exit_status));
}

static void the_best_configuration_is_chosen(void **state)
{
    (void)state;
    struct report report = START();
    assert_int_equal(report.status, STATUS_OK);
    if (report.level > VECTOR_BASELINE)
        assert_string_not_equal(report.setup.configuration, "generic");
#ifdef BLIS_CONFIG_SKX
    if (report.level == VECTOR_AVX512)
        assert_string_equal(report.setup.configuration, "skx");
#endif
    const char *of_blis = choice_of_blis();
    assert_string_not_equal(of_blis, "");
    bool taken = strcmp(report.setup.configuration, of_blis) == 0;
    assert_true(taken == (strcmp(report.setup.reason, "BLIS chose it for this CPU") == 0));
    if (!taken && strcmp(of_blis, "generic") != 0)
        assert_non_null(strstr(report.setup.reason, of_blis));
}

static void the_users_configuration_is_taken(void **state)
{
    (void)state;
    struct report report = START({"BLIS_ARCH_TYPE", number_of("generic")});
    assert_int_equal(report.status, STATUS_OK);
    assert_string_equal(report.setup.configuration, "generic");
    assert_non_null(strstr(report.setup.reason, "BLIS_ARCH_TYPE"));
}

static void assert_refused(const struct report *report, const char *value)
{
    assert_int_equal(report->status, STATUS_FAILED);
    assert_non_null(strstr(report->line, "BLIS_ARCH_TYPE"));
    assert_non_null(strstr(report->line, value));
}

static void what_is_no_configuration_is_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"99", "-1", "abc", "3x", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct report report = START({"BLIS_ARCH_TYPE", values[i]});
        assert_refused(&report, values[i]);
    }
}

/* A configuration for another architecture, and one beyond the vector level. */
static void what_the_cpu_cannot_run_is_refused(void **state)
{
    (void)state;
#ifdef __x86_64__
    const char *foreign = number_of("cortexa57");
#else
    const char *foreign = number_of("skx");
#endif
    struct report report = START({"BLIS_ARCH_TYPE", foreign});
    assert_refused(&report, foreign);
#ifdef __x86_64__
    const char *beyond = number_of("haswell");
    report = START({"BLIS_ARCH_TYPE", beyond}, {"LSTM_MPI_VECTOR_LEVEL", "baseline"});
    assert_refused(&report, beyond);
    if (!__builtin_cpu_supports("fma4")) {
        report = START({"BLIS_ARCH_TYPE", number_of("bulldozer")});
        assert_refused(&report, number_of("bulldozer"));
    }
#endif
}

static void a_lower_level_gets_a_configuration_that_it_can_run(void **state)
{
    (void)state;
    struct report report = START({"LSTM_MPI_VECTOR_LEVEL", "baseline"});
    assert_int_equal(report.status, STATUS_OK);
    assert_false(is_one_of(report.setup.configuration, need_avx512));
    assert_false(is_one_of(report.setup.configuration, need_avx2));
    report = START({"LSTM_MPI_VECTOR_LEVEL", "avx2"});
    assert_int_equal(report.status, STATUS_OK);
    if (report.level == VECTOR_AVX2)
        assert_true(is_one_of(report.setup.configuration, need_avx2));
}

/* But not in the place of what the user asked for, nor of several threads. */
static void own_loops_multiply_where_they_are_faster(void **state)
{
    (void)state;
    struct report report = START({"LSTM_MPI_VECTOR_LEVEL", "avx2"});
    if (report.level != VECTOR_AVX2)
        skip();
    assert_true(report.setup.own_loops);
    const char *number = number_of(report.setup.configuration);
    report = START({"LSTM_MPI_VECTOR_LEVEL", "avx2"}, {"BLIS_ARCH_TYPE", number});
    assert_int_equal(report.status, STATUS_OK);
    assert_false(report.setup.own_loops);
    if (strcmp(report.setup.threading, "serial") == 0)
        return;
    report = START({"LSTM_MPI_VECTOR_LEVEL", "avx2"}, {"BLIS_NUM_THREADS", "2"});
    assert_false(report.setup.own_loops);
}

/* As some launchers leave it. */
static void a_parent_that_ignores_children_changes_nothing(void **state)
{
    (void)state;
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error;
        struct blis_offer offer;
        unsetenv("BLIS_ARCH_TYPE");
        signal(SIGCHLD, SIG_IGN);
        _exit(blis_setup_offer(&offer, &error) == STATUS_OK && signal(SIGCHLD, SIG_DFL) == SIG_IGN ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void one_thread_unless_the_user_wants_more(void **state)
{
    (void)state;
    struct report report = START();
    assert_int_equal(report.setup.threads, 1);
    report = START({"BLIS_NUM_THREADS", "1"});
    assert_int_equal(report.setup.threads, 1);
    if (strcmp(report.setup.threading, "serial") == 0)
        skip();
    report = START({"BLIS_NUM_THREADS", "2"});
    assert_int_equal(report.setup.threads, 2);
    report = START({"OMP_NUM_THREADS", "3"});
    assert_int_equal(report.setup.threads, 3);
    report = START({"BLIS_JC_NT", "2"}, {"BLIS_IC_NT", "2"});
    assert_int_equal(report.setup.threads, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_configuration_is_chosen),
        cmocka_unit_test(the_users_configuration_is_taken),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(what_the_cpu_cannot_run_is_refused),
        cmocka_unit_test(a_lower_level_gets_a_configuration_that_it_can_run),
        cmocka_unit_test(own_loops_multiply_where_they_are_faster),
        cmocka_unit_test(a_parent_that_ignores_children_changes_nothing),
        cmocka_unit_test(one_thread_unless_the_user_wants_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
