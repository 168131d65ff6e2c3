#ifndef LSTM_MPI_BASE_FORMAT_TEXT_H
#define LSTM_MPI_BASE_FORMAT_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf; a text that is too long for its `bytes` bytes is cut between two UTF-8 characters. */
void format_text(char *text, size_t bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
