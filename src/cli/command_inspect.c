#include "command_inspect.h"
enum status command_inspect(const struct comm *comm, struct settings *settings, struct error *error)
{
    (void)comm;
    (void)settings;
    return error_set(error, STATUS_FAILED, "inspect");
}
