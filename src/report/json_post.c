#include "json_post.h"

#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/memory.h"

#include <curl/curl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CONNECT_MILLISECONDS = 2000, SEND_MILLISECONDS = 5000, POLL_MILLISECONDS = 1000 };

struct json_post {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    _Atomic double give_up_at;
    char reason[CURL_ERROR_SIZE];
    struct json_answer answer;
    bool stands; /* the connection, said the last answer */
};

static size_t keep_beginning(char *bytes, size_t size, size_t count, void *context)
{
    struct json_answer *answer = context;
    size_t length = strlen(answer->text);
    size_t room = sizeof answer->text - 1 - length;
    size_t kept = size * count < room ? size * count : room;
    memcpy(answer->text + length, bytes, kept);
    answer->text[length + kept] = '\0';
    return size * count;
}

static enum status is_done(CURLcode code, const char *what, struct error *error)
{
    if (code == CURLE_OK)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "%s", what);
    return error_why(error, "%s", curl_easy_strerror(code));
}

static enum status add_header(struct json_post *post, const char *line, struct error *error)
{
    struct curl_slist *longer = curl_slist_append(post->headers, line);
    if (!longer)
        return is_done(CURLE_OUT_OF_MEMORY, "cannot prepare a message", error);
    post->headers = longer;
    return STATUS_OK;
}

/* No signals: they would reach the thread that trains. Threads that look names up are left behind at the end,
 * since they cannot be told to hurry. */
static enum status configure(struct json_post *post, struct error *error)
{
    enum status status;
    CURL *easy = post->easy;
    TRY(add_header(post, "Content-Type: application/json", error));
    TRY(add_header(post, "Expect:", error));
    bool done = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MILLISECONDS) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)SEND_MILLISECONDS) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_beginning) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEDATA, &post->answer) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, post->reason) == CURLE_OK;
    TRY(is_done(done ? CURLE_OK : CURLE_BAD_FUNCTION_ARGUMENT, "cannot prepare a message", error));
done:
    return status;
}

enum status json_post_open(struct json_post **out, const char *url, struct error *error)
{
    enum status status;
    struct json_post *post = NULL;
    *out = NULL;
    TRY(is_done(curl_global_init(CURL_GLOBAL_DEFAULT), "cannot start libcurl", error));
    status = memory_new(&post, 1, error);
    if (status != STATUS_OK) {
        curl_global_cleanup();
        goto done;
    }
    post->give_up_at = INFINITY;
    post->multi = curl_multi_init();
    post->easy = curl_easy_init();
    TRY(is_done(post->multi && post->easy ? CURLE_OK : CURLE_OUT_OF_MEMORY, "cannot start libcurl", error));
    TRY(memory_copy_text(&post->url, url, error));
    for (size_t end = strlen(url); end > 0 && url[end - 1] == '/'; end--)
        post->url[end - 1] = '\0';
    TRY(configure(post, error));
    *out = post;
done:
    if (status != STATUS_OK)
        json_post_close(post);
    return status;
}

static enum status out_of_time(struct error *error)
{
    error_set(error, STATUS_FAILED, "a message");
    return error_why(error, "there was no answer in time");
}

/* Fills in what curl knows of an answer that is all there. */
static CURLcode take_facts(struct json_post *post)
{
    long version = CURL_HTTP_VERSION_NONE;
    long connections = 0;
    struct curl_header *header;
    CURLcode code = curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &post->answer.status);
    if (!code)
        code = curl_easy_getinfo(post->easy, CURLINFO_NUM_CONNECTS, &connections);
    if (!code)
        code = curl_easy_getinfo(post->easy, CURLINFO_HTTP_VERSION, &version);
    post->answer.reconnected = post->stands && connections > 0;
    post->stands = version != CURL_HTTP_VERSION_1_0 &&
                   curl_easy_header(post->easy, "Connection", 0, CURLH_HEADER, -1, &header) != CURLHE_OK;
    return code;
}

/* What became of the transfer that is over. */
static enum status outcome(struct json_post *post, struct error *error)
{
    int left;
    const CURLMsg *message = curl_multi_info_read(post->multi, &left);
    CURLcode code = message ? message->data.result : CURLE_RECV_ERROR;
    if (code == CURLE_OK)
        code = take_facts(post);
    if (code == CURLE_OK)
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "a message");
    return error_why(error, "%s", post->reason[0] ? post->reason : curl_easy_strerror(code));
}

static enum status transfer(struct json_post *post, struct error *error)
{
    int running = 1;
    while (running > 0) {
        double left = post->give_up_at - clock_seconds();
        if (left <= 0)
            return out_of_time(error);
        int patience = 1e3 * left < POLL_MILLISECONDS ? (int)(1e3 * left) + 1 : POLL_MILLISECONDS;
        CURLMcode code = curl_multi_perform(post->multi, &running);
        if (code == CURLM_OK && running > 0)
            code = curl_multi_poll(post->multi, NULL, 0, patience, NULL);
        if (code != CURLM_OK) {
            error_set(error, STATUS_FAILED, "a message");
            return error_why(error, "%s", curl_multi_strerror(code));
        }
    }
    return outcome(post, error);
}

enum status json_post_send(struct json_post *post, const char *path, const char *text,
                           struct json_answer *answer, struct error *error)
{
    enum status status;
    char url[2048];
    post->reason[0] = '\0';
    post->answer = (struct json_answer){0};
    if (snprintf(url, sizeof url, "%s%s", post->url, path) >= (int)sizeof url)
        return is_done(CURLE_URL_MALFORMAT, "a message", error);
    CURLcode code = curl_easy_setopt(post->easy, CURLOPT_URL, url);
    if (!code)
        code = curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
    if (!code)
        code = curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, text);
    TRY(is_done(code, "a message", error));
    if (curl_multi_add_handle(post->multi, post->easy) != CURLM_OK)
        return is_done(CURLE_OUT_OF_MEMORY, "a message", error);
    status = transfer(post, error);
    *answer = post->answer;
    (void)curl_multi_remove_handle(post->multi, post->easy);
done:
    return status;
}

void json_post_hurry(struct json_post *post, double seconds)
{
    post->give_up_at = clock_seconds() + seconds;
    (void)curl_multi_wakeup(post->multi);
}

void json_post_close(struct json_post *post)
{
    if (!post)
        return;
    curl_easy_cleanup(post->easy);
    if (post->multi)
        (void)curl_multi_cleanup(post->multi);
    curl_slist_free_all(post->headers);
    memory_free(post->url);
    memory_free(post);
    curl_global_cleanup();
}
