#ifndef LSTM_MPI_REPORT_REPORT_STYLE_H
#define LSTM_MPI_REPORT_REPORT_STYLE_H

#include <stddef.h>

/* The text of report.css, which the build turns into C. */
extern const unsigned char report_style_text[];
extern const size_t report_style_bytes;

#endif
