#include "lstm_mpi/train/stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked_by;

/* Latches the first request: a second one, or the SIGCONT that a batch system sends along, changes nothing.
 */
static void remember(int signal_number)
{
    if (!asked_by)
        asked_by = signal_number;
}

enum status stop_on_signals(struct error *error)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigaction(signals[i], &action, NULL) != 0)
            return error_system(error, errno, "cannot catch signal %d", signals[i]);
    }
    return STATUS_OK;
}

int stop_signal(void)
{
    return asked_by;
}
