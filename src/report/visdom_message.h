#ifndef LSTM_MPI_REPORT_VISDOM_MESSAGE_H
#define LSTM_MPI_REPORT_VISDOM_MESSAGE_H

/* What a visdom server is told, as JSON: the messages of the `line` function of its Python client. */

#include <stddef.h>

/* A view. */
struct visdom_trace {
    const char *name;
    const double *x;
    const double *y;
    size_t count;
};

/* For /events: the window with all its traces, in place of the one that was there. NULL for want of memory or
 * for an environment that is not UTF-8; the caller owns the text: free. */
char *visdom_message_window(const char *environment, const struct visdom_trace *traces, size_t count);

/* For /update: more points of one trace. Into a window that is there, else they get lost, or make a window of
 * these points alone: it depends on the server's version. */
char *visdom_message_points(const char *environment, const struct visdom_trace *trace);

/* For /win_exists, whose answer is "true" or "false". */
char *visdom_message_question(const char *environment);

#endif
