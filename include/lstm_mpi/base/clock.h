#ifndef LSTM_MPI_BASE_CLOCK_H
#define LSTM_MPI_BASE_CLOCK_H

enum { CLOCK_TEXT_BYTES = 32 };

/* Seconds of a clock that never goes back; its zero means nothing. */
double clock_seconds(void);

/* A duration as hours, minutes and seconds: "00:06:12"; above 99 hours the first number grows. */
void clock_format(char text[CLOCK_TEXT_BYTES], double seconds);

/* The present moment in ISO 8601, UTC: "2026-11-24T20:10:32Z". */
void clock_utc(char text[CLOCK_TEXT_BYTES]);

#endif
