#ifndef LSTM_MPI_REPORT_VISDOM_H
#define LSTM_MPI_REPORT_VISDOM_H

/* The perplexity of a run as it trains, on a visdom server (https://github.com/fossasia/visdom): the window
 * "train" with the lines "train" and "valid" over the epochs.
 *
 * A thread of its own talks to the server. Nothing here waits for the server but visdom_close, and that no
 * longer than it is told; what goes wrong is a warning, of which there is one. The window is drawn anew, from
 * its first point on, when a server that failed answers again, and when one has lost it. */

struct visdom;

enum visdom_line { VISDOM_TRAIN, VISDOM_VALID, VISDOM_LINES };

/* Starts the thread. NULL, with a warning, where that cannot be. The texts are copied. */
struct visdom *visdom_open(const char *url, const char *environment);

/* The next point of a line; one that is not finite is left out. Never waits. NULL is fine. */
void visdom_add(struct visdom *visdom, enum visdom_line line, double epoch, double perplexity);

/* Gives the thread `wait_seconds` to send what it has, and ends it. NULL is fine. */
void visdom_close(struct visdom *visdom, double wait_seconds);

#endif
