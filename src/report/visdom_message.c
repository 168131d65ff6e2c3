#include "visdom_message.h"

#include <jansson.h>

static const char window_name[] = "train";
enum { SIGNIFICANT_DIGITS = 9 };

static json_t *numbers(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_real(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *trace_of(const struct visdom_trace *trace)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "type", "scatter", "mode", "lines", "name", trace->name,
                     "x", numbers(trace->x, trace->count), "y", numbers(trace->y, trace->count));
}

static json_t *traces_of(const struct visdom_trace *traces, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, trace_of(&traces[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *layout(void)
{
    return json_pack("{s:s, s:b, s:{s:s}, s:{s:s}, s:{s:i, s:i, s:i, s:i}}", "title", window_name,
                     "showlegend", 1, "xaxis", "title", "epoch", "yaxis", "title", "ppl", "margin", "l", 60,
                     "r", 60, "t", 60, "b", 60);
}

static json_t *message_of(const char *environment, const struct visdom_trace *traces, size_t count)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:s, s:s}}", "win", window_name, "eid", environment,
                     "data", traces_of(traces, count), "layout", layout(), "opts", "title", window_name,
                     "xlabel", "epoch", "ylabel", "ppl");
}

static char *text_of(json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(SIGNIFICANT_DIGITS)) : NULL;
    json_decref(message);
    return text;
}

char *visdom_message_window(const char *environment, const struct visdom_trace *traces, size_t count)
{
    return text_of(message_of(environment, traces, count));
}

char *visdom_message_question(const char *environment)
{
    return text_of(json_pack("{s:s, s:s}", "win", window_name, "eid", environment));
}

char *visdom_message_points(const char *environment, const struct visdom_trace *trace)
{
    json_t *message = message_of(environment, trace, 1);
    if (message && (json_object_set_new(message, "name", json_string(trace->name)) != 0 ||
                    json_object_set_new(message, "append", json_true()) != 0)) {
        json_decref(message);
        return NULL;
    }
    return text_of(message);
}
