#include "lstm_mpi/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A byte 10xxxxxx continues a UTF-8 character: a cut before one would leave half a character. */
static void cut_at_character(char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length] & 0xC0U) == 0x80U)
        length--;
    text[length] = '\0';
}

__attribute__((format(printf, 2, 0))) static void write_text(char text[ERROR_TEXT_BYTES], const char *format,
                                                             va_list arguments)
{
    char whole[2 * ERROR_TEXT_BYTES];
    int length = vsnprintf(whole, sizeof whole, format, arguments);
    if (length < 0)
        whole[0] = '\0';
    size_t kept = strlen(whole);
    if (kept >= ERROR_TEXT_BYTES) {
        kept = ERROR_TEXT_BYTES - 1;
        cut_at_character(whole, kept);
    }
    memcpy(text, whole, strlen(whole) + 1);
}

enum status error_set(struct error *error, enum status status, const char *what, ...)
{
    *error = (struct error){.status = status};
    va_list arguments;
    va_start(arguments, what);
    write_text(error->what, what, arguments);
    va_end(arguments);
    return status;
}

enum status error_why(struct error *error, const char *why, ...)
{
    va_list arguments;
    va_start(arguments, why);
    write_text(error->why, why, arguments);
    va_end(arguments);
    return error->status;
}

enum status error_remedy(struct error *error, const char *remedy, ...)
{
    va_list arguments;
    va_start(arguments, remedy);
    write_text(error->remedy, remedy, arguments);
    va_end(arguments);
    return error->status;
}

enum status error_system(struct error *error, int error_number, const char *what, ...)
{
    *error = (struct error){.status = STATUS_FAILED};
    va_list arguments;
    va_start(arguments, what);
    write_text(error->what, what, arguments);
    va_end(arguments);
    return error_why(error, "%s", strerror(error_number));
}

void error_line(char line[ERROR_LINE_BYTES], const struct error *error)
{
    snprintf(line, ERROR_LINE_BYTES, "%s%s%s%s%s%s", error->what, error->why[0] ? ": " : "", error->why,
             error->remedy[0] ? " (" : "", error->remedy, error->remedy[0] ? ")" : "");
}
