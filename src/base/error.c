#include "lstm_mpi/base/error.h"

#include "format_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *error, enum status status, const char *what, ...)
{
    *error = (struct error){.status = status};
    va_list arguments;
    va_start(arguments, what);
    format_text(error->what, ERROR_TEXT_BYTES, what, arguments);
    va_end(arguments);
    return status;
}

enum status error_why(struct error *error, const char *why, ...)
{
    va_list arguments;
    va_start(arguments, why);
    format_text(error->why, ERROR_TEXT_BYTES, why, arguments);
    va_end(arguments);
    return error->status;
}

enum status error_remedy(struct error *error, const char *remedy, ...)
{
    va_list arguments;
    va_start(arguments, remedy);
    format_text(error->remedy, ERROR_TEXT_BYTES, remedy, arguments);
    va_end(arguments);
    return error->status;
}

struct remedy {
    int error_number;
    const char *text;
};

static const char *remedy_of(int error_number)
{
    static const struct remedy remedies[] = {
        {ENOENT, "check the path"},
        {ENOTDIR, "check the path"},
        {EISDIR, "name a file"},
        {EACCES, "check the permissions"},
        {EPERM, "check the permissions"},
        {EROFS, "take a folder on a disk that can be written"},
        {ENOSPC, "make room, or take another folder"},
        {EDQUOT, "make room, or take another folder"},
        {EFBIG, "raise the limit of file sizes (ulimit -f), or take another file system"},
        {ENOMEM, "use smaller settings or more ranks on more hosts"},
        {EMFILE, "raise the limit of open files"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (remedies[i].error_number == error_number)
            return remedies[i].text;
    }
    return "check the disk and the system's messages";
}

enum status error_system(struct error *error, int error_number, const char *what, ...)
{
    *error = (struct error){.status = STATUS_FAILED};
    va_list arguments;
    va_start(arguments, what);
    format_text(error->what, ERROR_TEXT_BYTES, what, arguments);
    va_end(arguments);
    error_why(error, "%s", strerror(error_number));
    return error_remedy(error, "%s", remedy_of(error_number));
}

/* Names and values come from users: a control character in one of them must not break the line. */
static void keep_on_one_line(char *line)
{
    for (; *line; line++) {
        if ((unsigned char)*line < ' ' || *line == 0x7F)
            *line = ' ';
    }
}

void error_line(char line[ERROR_LINE_BYTES], const struct error *error)
{
    snprintf(line, ERROR_LINE_BYTES, "%s%s%s%s%s%s", error->what, error->why[0] ? ": " : "", error->why,
             error->remedy[0] ? " (" : "", error->remedy, error->remedy[0] ? ")" : "");
    keep_on_one_line(line);
}
