#ifndef LSTM_MPI_TEXT_LINES_H
#define LSTM_MPI_TEXT_LINES_H

/* The lines of a text, one after the other: those of the first file, then those of the next. A line ends at a
 * newline or with its file. As in a corpus, CRLF reads as a newline, and a byte order mark at the beginning
 * of a file is skipped, where the text is UTF-8. No function is collective. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct lines;

/* Of these files, which must outlive the lines; none (count 0): of the built-in text. The caller owns:
 * lines_close. */
MUST_CHECK enum status lines_open(struct lines **out, const char *const *paths, size_t count, bool is_utf8,
                                  struct error *error);
void lines_close(struct lines *lines);

/* The next line, without its newline: a view that is valid until the next call. NULL: there is none. Fails,
 * naming it, on a file that cannot be read or is no UTF-8 and should be. */
MUST_CHECK enum status lines_next(struct lines *lines, const char **text, size_t *bytes, struct error *error);

#endif
