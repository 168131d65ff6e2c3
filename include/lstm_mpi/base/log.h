#ifndef LSTM_MPI_BASE_LOG_H
#define LSTM_MPI_BASE_LOG_H

enum { LOG_LINE_BYTES = 1024 };

/* Takes one warning without a newline; one that is too long is cut at a character border. */
typedef void log_sink(void *context, const char *line);

/* Where warnings go from now on; NULL drops them, as it is at the start. */
void log_set_sink(log_sink *sink, void *context);

/* Something that the user should know but that does not stop the work. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
