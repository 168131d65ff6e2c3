#include "benchmark_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a file of /proc says behind this name. */
static double bytes_in(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    char line[256];
    double bytes = NAN;
    while (file && fgets(line, sizeof line, file)) {
        size_t length = strlen(name);
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            bytes = 1024 * strtod(line + length + 1, NULL);
    }
    if (file)
        fclose(file);
    return bytes;
}

double benchmark_memory_reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
    return bytes_in("/proc/self/status", "VmRSS");
}

double benchmark_memory_peak(void)
{
    return bytes_in("/proc/self/status", "VmHWM");
}

double benchmark_memory_share(void)
{
    return bytes_in("/proc/self/smaps_rollup", "Pss");
}
