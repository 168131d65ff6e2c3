#ifndef LSTM_MPI_REPORT_JSON_POST_H
#define LSTM_MPI_REPORT_JSON_POST_H

/* JSON to a web server, by one thread, while another one can say that time is short. */

#include "lstm_mpi/base/error.h"

#include <stdbool.h>

struct json_post;

enum { JSON_ANSWER_BYTES = 32 };

struct json_answer {
    long status;                  /* HTTP's */
    char text[JSON_ANSWER_BYTES]; /* the beginning of what came with it */
    bool reconnected;             /* the server had let the connection stand open, but it was gone */
};

/* `url` is the server's, to which paths are appended. The caller owns `*out`: json_post_close. Not to be
 * called while other threads may use libcurl. */
MUST_CHECK enum status json_post_open(struct json_post **out, const char *url, struct error *error);

/* Posts a text to a path such as "/events". Fails where the server cannot be reached or takes more than a few
 * seconds, but not for what it answers; redirections are not followed. */
MUST_CHECK enum status json_post_send(struct json_post *post, const char *path, const char *text,
                                      struct json_answer *answer, struct error *error);

/* From now on json_post_send fails when these seconds are over. For any thread. */
void json_post_hurry(struct json_post *post, double seconds);

void json_post_close(struct json_post *post);

#endif
