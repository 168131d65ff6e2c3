#include "lstm_mpi/base/log.h"

#include "format_text.h"

#include <stdarg.h>

static log_sink *current_sink;
static void *current_context;

void log_set_sink(log_sink *sink, void *context)
{
    current_sink = sink;
    current_context = context;
}

void log_warning(const char *format, ...)
{
    if (!current_sink)
        return;
    char line[LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text(line, sizeof line, format, arguments);
    va_end(arguments);
    current_sink(current_context, line);
}
