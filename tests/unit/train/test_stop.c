#include "lstm_mpi/train/stop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A request stays for good, so every test has a process of its own. */
static bool holds_in_a_child(bool (*check)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check() ? 0 : 1);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

static bool starts(void)
{
    struct error error;
    return stop_on_signals(&error) == STATUS_OK;
}

static bool nothing_is_asked_at_first(void)
{
    return stop_signal() == 0 && starts() && stop_signal() == 0;
}

static bool each_signal_asks(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(starts() && raise(signals[i]) == 0 && stop_signal() == signals[i] ? 0 : 1);
        int how;
        if (child < 0 || waitpid(child, &how, 0) != child || !WIFEXITED(how) || WEXITSTATUS(how) != 0)
            return false;
    }
    return true;
}

/* A parent can leave signals blocked, and some may be waiting already. */
static bool blocked_signals_ask(void)
{
    sigset_t all;
    sigfillset(&all);
    return sigprocmask(SIG_BLOCK, &all, NULL) == 0 && raise(SIGTERM) == 0 && stop_signal() == 0 && starts() &&
           stop_signal() == SIGTERM;
}

static bool the_first_request_stays(void)
{
    return starts() && raise(SIGUSR1) == 0 && raise(SIGTERM) == 0 && raise(SIGCONT) == 0 &&
           raise(SIGUSR1) == 0 && stop_signal() == SIGUSR1 && stop_signal() == SIGUSR1;
}

/* A read that waits goes on waiting: what a library does meanwhile must not fail. */
static bool slow_calls_go_on(void)
{
    int ends[2];
    char byte = 0;
    if (!starts() || pipe(ends) != 0)
        return false;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        kill(parent, SIGUSR1);
        usleep(50000);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    return child > 0 && read(ends[0], &byte, 1) == 1 && byte == 'x' && stop_signal() == SIGUSR1;
}

/* Released, they end the process, whether they come later or have come before. */
static bool released_signals_end_the_process(void)
{
    for (int before = 0; before < 2; before++) {
        pid_t child = fork();
        if (child == 0) {
            if (starts() && before)
                raise(SIGTERM);
            stop_release_signals();
            if (!before)
                raise(SIGTERM);
            _exit(0);
        }
        int how;
        if (child < 0 || waitpid(child, &how, 0) != child || !WIFSIGNALED(how) || WTERMSIG(how) != SIGTERM)
            return false;
    }
    return true;
}

static bool other_signals_keep_their_meaning(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (starts())
            raise(SIGUSR2);
        _exit(0);
    }
    int how;
    return child > 0 && waitpid(child, &how, 0) == child && WIFSIGNALED(how) && WTERMSIG(how) == SIGUSR2;
}

static void signals_ask_for_a_stop(void **unused)
{
    (void)unused;
    assert_true(holds_in_a_child(nothing_is_asked_at_first));
    assert_true(holds_in_a_child(each_signal_asks));
    assert_true(holds_in_a_child(blocked_signals_ask));
    assert_true(holds_in_a_child(other_signals_keep_their_meaning));
    assert_true(holds_in_a_child(released_signals_end_the_process));
}

static void a_request_stays_and_disturbs_nothing(void **unused)
{
    (void)unused;
    assert_true(holds_in_a_child(the_first_request_stays));
    assert_true(holds_in_a_child(slow_calls_go_on));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_ask_for_a_stop),
        cmocka_unit_test(a_request_stays_and_disturbs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
