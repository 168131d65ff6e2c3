#ifndef LSTM_MPI_REPORT_JSON_POST_H
#define LSTM_MPI_REPORT_JSON_POST_H

/* JSON to a web server, by one thread, while another one can say that time is short. */

#include "lstm_mpi/base/error.h"

struct json_post;

/* `url` is the server's, to which paths are appended. The caller owns `*out`: json_post_close. Not to be
 * called while other threads may use libcurl. */
MUST_CHECK enum status json_post_open(struct json_post **out, const char *url, struct error *error);

/* Posts a text to a path such as "/events". Fails where the server cannot be reached, takes more than a few
 * seconds, or answers with anything but success; redirections are not followed. */
MUST_CHECK enum status json_post_send(struct json_post *post, const char *path, const char *text,
                                      struct error *error);

/* From now on json_post_send fails when these seconds are over. For any thread. */
void json_post_hurry(struct json_post *post, double seconds);

void json_post_close(struct json_post *post);

#endif
