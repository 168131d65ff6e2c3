#include "terminal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80 };

static size_t columns_of(int descriptor)
{
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return DEFAULT_COLUMNS;
}

static bool parent_is_mpirun(void)
{
    char path[64];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)getppid());
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return read && (strcmp(name, "mpirun") == 0 || strcmp(name, "mpiexec") == 0 ||
                    strcmp(name, "orterun") == 0 || strcmp(name, "prterun") == 0);
}

static struct terminal terminal_of_parent(void)
{
    struct terminal none = {false, DEFAULT_COLUMNS};
    char path[64];
    char target[PATH_MAX];
    if (!parent_is_mpirun())
        return none;
    snprintf(path, sizeof path, "/proc/%d/fd/1", (int)getppid());
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0)
        return none;
    target[length] = '\0';
    int descriptor = open(target, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return none;
    struct terminal terminal = {isatty(descriptor) == 1, columns_of(descriptor)};
    close(descriptor);
    return terminal;
}

struct terminal terminal_of_output(void)
{
    if (getenv("OMPI_COMM_WORLD_SIZE"))
        return terminal_of_parent();
    bool present = isatty(STDOUT_FILENO) == 1;
    return (struct terminal){present, present ? columns_of(STDOUT_FILENO) : DEFAULT_COLUMNS};
}
