#include "target_file.h"

#include <unistd.h>

enum status target_file_check(const char *path, bool overwrite, struct error *error)
{
    if (overwrite || access(path, F_OK) != 0)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "cannot write %s", path);
    error_why(error, "there is such a file already");
    return error_remedy(error, "name another one, or give --overwrite");
}
