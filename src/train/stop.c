#include "lstm_mpi/train/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t asked_by;

/* mpirun started this rank. */
static volatile sig_atomic_t under_mpirun;

/* Once mpirun itself is asked to end it leaves its ranks two seconds and no longer reads what they print. A
 * rank that waits for it to read would never come to its checkpoint. */
static void print_without_waiting(void)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (flags >= 0)
        (void)fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
}

/* Latches the first request: a second one, or the SIGCONT that a batch system sends along, changes nothing.
 */
static void remember(int signal_number)
{
    int error_number = errno;
    if (!asked_by)
        asked_by = signal_number;
    if (under_mpirun && signal_number != SIGUSR1)
        print_without_waiting();
    errno = error_number;
}

enum status stop_on_signals(struct error *error)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigset_t handled;
    sigemptyset(&action.sa_mask);
    sigemptyset(&handled);
    under_mpirun = getenv("OMPI_COMM_WORLD_SIZE") != NULL;
    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], &action, NULL) != 0)
            return error_system(error, errno, "cannot catch signal %d", signals[i]);
        sigaddset(&handled, signals[i]);
    }
    /* What the parent had blocked is blocked still. */
    if (sigprocmask(SIG_UNBLOCK, &handled, NULL) != 0)
        return error_system(error, errno, "cannot unblock signals");
    return STATUS_OK;
}

void stop_release_signals(void)
{
    for (size_t i = 0; i < SIGNALS; i++)
        (void)signal(signals[i], SIG_DFL);
    if (asked_by)
        (void)raise(asked_by);
}

int stop_signal(void)
{
    return asked_by;
}
