#include "lstm_mpi/base/clock.h"

#include <stdio.h>
#include <time.h>

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_format(char text[CLOCK_TEXT_BYTES], double seconds)
{
    static const double longest = 1e9;
    unsigned long whole = seconds > 0 ? (unsigned long)(seconds < longest ? seconds : longest) : 0;
    snprintf(text, CLOCK_TEXT_BYTES, "%02lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
}

void clock_utc(char text[CLOCK_TEXT_BYTES])
{
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        text[0] = '\0';
}
