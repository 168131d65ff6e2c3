#ifndef LSTM_MPI_REPORT_HTML_H
#define LSTM_MPI_REPORT_HTML_H

#include <stdio.h>

/* Writes bytes as text of a page or of an attribute in double quotes: marks of HTML are written as entities,
 * and what is no UTF-8, or no character that a page may hold, as U+FFFD. */
void html_text(FILE *out, const char *text);

#endif
