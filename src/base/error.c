#include "lstm_mpi/base/error.h"

#include "format_text.h"

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

enum status error_system(struct error *error, int error_number, const char *what, ...)
{
    *error = (struct error){.status = STATUS_FAILED};
    va_list arguments;
    va_start(arguments, what);
    format_text(error->what, ERROR_TEXT_BYTES, what, arguments);
    va_end(arguments);
    return error_why(error, "%s", strerror(error_number));
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
