/* The lines that training makes longer are a copy away from the thread's: it takes them over under the lock,
 * and sends without it what the server does not have yet. So a slow server gets fewer and longer messages.
 * The server is told the whole window when a line was thinned out, after a failure, and when it may have lost
 * the window or the newest part of it: somebody closed it, or the server began anew. */

#include "lstm_mpi/report/visdom.h"

#include "json_post.h"
#include "live_line.h"
#include "lstm_mpi/base/clock.h"
#include "lstm_mpi/base/log.h"
#include "lstm_mpi/base/memory.h"
#include "visdom_message.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double least_seconds_between = 0.1;
static const double seconds_after_failure = 5;

static const char *const line_names[] = {[VISDOM_TRAIN] = "train", [VISDOM_VALID] = "valid"};

struct visdom {
    pthread_t thread;
    struct json_post *post;
    char *environment;
    pthread_mutex_t lock; /* of what follows up to `closing` */
    pthread_cond_t news;
    struct live_line lines[VISDOM_LINES];
    bool closing;

    /* The thread's own. */
    struct live_line seen[VISDOM_LINES];
    size_t sent[VISDOM_LINES];
    bool drawn; /* the server has the first `sent` points of what was seen */
    bool warned;
    double not_before;
};

static bool has_news(const struct visdom *visdom)
{
    for (int i = 0; i < VISDOM_LINES; i++) {
        const struct live_line *line = &visdom->lines[i];
        if (line->count > 0 &&
            (!visdom->drawn || line->count != visdom->sent[i] || line->stride != visdom->seen[i].stride))
            return true;
    }
    return false;
}

static void wait_until(struct visdom *visdom, double seconds)
{
    double whole = floor(seconds);
    struct timespec until = {.tv_sec = (time_t)whole, .tv_nsec = (long)(1e9 * (seconds - whole))};
    (void)pthread_cond_clockwait(&visdom->news, &visdom->lock, CLOCK_MONOTONIC, &until);
}

/* Takes over what is new. False: there is nothing, and never will be. */
static bool take_news(struct visdom *visdom)
{
    (void)pthread_mutex_lock(&visdom->lock);
    while (!visdom->closing && (!has_news(visdom) || clock_seconds() < visdom->not_before)) {
        if (has_news(visdom))
            wait_until(visdom, visdom->not_before);
        else
            (void)pthread_cond_wait(&visdom->news, &visdom->lock);
    }
    bool more = has_news(visdom);
    for (int i = 0; i < VISDOM_LINES; i++) {
        if (visdom->lines[i].stride != visdom->seen[i].stride && visdom->sent[i] > 0)
            visdom->drawn = false;
        visdom->seen[i] = visdom->lines[i];
    }
    (void)pthread_mutex_unlock(&visdom->lock);
    return more;
}

static bool is_closing(struct visdom *visdom)
{
    (void)pthread_mutex_lock(&visdom->lock);
    bool closing = visdom->closing;
    (void)pthread_mutex_unlock(&visdom->lock);
    return closing;
}

static struct visdom_trace trace_from(const struct visdom *visdom, int line, size_t first)
{
    const struct live_line *seen = &visdom->seen[line];
    return (struct visdom_trace){line_names[line], seen->x + first, seen->y + first, seen->count - first};
}

/* A connection that is gone may mean another server, or one that knows only what it saved once. */
static enum status ask(struct visdom *visdom, const char *path, char *text, struct json_answer *answer,
                       struct error *error)
{
    enum status status;
    *answer = (struct json_answer){0};
    if (text) {
        status = json_post_send(visdom->post, path, text, answer, error);
    } else {
        error_set(error, STATUS_FAILED, "a message");
        status = error_why(error, "memory is short, or the environment's name is no UTF-8");
    }
    if (answer->reconnected)
        visdom->drawn = false;
    free(text);
    return status;
}

static enum status tell(struct visdom *visdom, const char *path, char *text, struct error *error)
{
    enum status status;
    struct json_answer answer;
    TRY(ask(visdom, path, text, &answer, error));
    if (answer.status < 200 || answer.status > 299) {
        error_set(error, STATUS_FAILED, "a message");
        status = error_why(error, "the server answered with status %ld", answer.status);
    }
done:
    return status;
}

/* Finds out whether the window is still there. A server that says neither yes nor no has it. */
static enum status look_after_window(struct visdom *visdom, struct error *error)
{
    enum status status;
    struct json_answer answer;
    TRY(ask(visdom, "/win_exists", visdom_message_question(visdom->environment), &answer, error));
    if (strcmp(answer.text, "false") == 0)
        visdom->drawn = false;
done:
    return status;
}

static enum status send_window(struct visdom *visdom, struct error *error)
{
    struct visdom_trace traces[VISDOM_LINES];
    size_t count = 0;
    for (int i = 0; i < VISDOM_LINES; i++) {
        if (visdom->seen[i].count > 0)
            traces[count++] = trace_from(visdom, i, 0);
    }
    return tell(visdom, "/events", visdom_message_window(visdom->environment, traces, count), error);
}

static enum status send_points(struct visdom *visdom, struct error *error)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < VISDOM_LINES && status == STATUS_OK; i++) {
        struct visdom_trace trace = trace_from(visdom, i, visdom->sent[i]);
        if (trace.count > 0)
            status = tell(visdom, "/update", visdom_message_points(visdom->environment, &trace), error);
    }
    return status;
}

static enum status send_news(struct visdom *visdom, struct error *error)
{
    enum status status = STATUS_OK;
    if (visdom->drawn)
        TRY(look_after_window(visdom, error));
    if (visdom->drawn)
        TRY(send_points(visdom, error));
    if (!visdom->drawn)
        TRY(send_window(visdom, error));
done:
    return status;
}

static void *run(void *argument)
{
    struct visdom *visdom = argument;
    while (take_news(visdom)) {
        struct error error;
        enum status status = send_news(visdom, &error);
        visdom->drawn = status == STATUS_OK;
        visdom->not_before =
            clock_seconds() + (visdom->drawn ? least_seconds_between : seconds_after_failure);
        for (int i = 0; i < VISDOM_LINES; i++)
            visdom->sent[i] = visdom->seen[i].count;
        if (status != STATUS_OK && !visdom->warned) {
            log_warning("the live chart is not up to date: %s; training goes on", error.why);
            visdom->warned = true;
        }
        if (status != STATUS_OK && is_closing(visdom))
            break;
    }
    return NULL;
}

/* Signals are for the thread that trains. */
static enum status start_thread(struct visdom *visdom, struct error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&visdom->thread, NULL, run, visdom);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number == 0 ? STATUS_OK : error_system(error, number, "cannot start a thread");
}

static void free_all(struct visdom *visdom)
{
    if (!visdom)
        return;
    json_post_close(visdom->post);
    memory_free(visdom->environment);
    memory_free(visdom);
}

struct visdom *visdom_open(const char *url, const char *environment)
{
    enum status status;
    struct error error;
    struct visdom *visdom = NULL;
    TRY(memory_new(&visdom, 1, &error));
    visdom->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    visdom->news = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    TRY(memory_copy_text(&visdom->environment, environment, &error));
    TRY(json_post_open(&visdom->post, url, &error));
    TRY(start_thread(visdom, &error));
done:
    if (status == STATUS_OK)
        return visdom;
    log_warning("there is no live chart: %s: %s", error.what, error.why);
    free_all(visdom);
    return NULL;
}

void visdom_add(struct visdom *visdom, enum visdom_line line, double epoch, double perplexity)
{
    if (!visdom || !isfinite(perplexity))
        return;
    (void)pthread_mutex_lock(&visdom->lock);
    live_line_add(&visdom->lines[line], epoch, perplexity);
    (void)pthread_cond_signal(&visdom->news);
    (void)pthread_mutex_unlock(&visdom->lock);
}

void visdom_close(struct visdom *visdom, double wait_seconds)
{
    if (!visdom)
        return;
    json_post_hurry(visdom->post, wait_seconds);
    (void)pthread_mutex_lock(&visdom->lock);
    visdom->closing = true;
    (void)pthread_cond_signal(&visdom->news);
    (void)pthread_mutex_unlock(&visdom->lock);
    (void)pthread_join(visdom->thread, NULL);
    free_all(visdom);
}
