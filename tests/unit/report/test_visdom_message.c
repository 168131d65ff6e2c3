#include "visdom_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

static const double x[] = {1, 2, 3};
static const double y[] = {1654.703125, 1 / 3., 1e-300};
static const struct visdom_trace train = {"train", x, y, 3};
static const struct visdom_trace valid = {"valid", x + 1, y, 2};

static json_t *read_back(char *text)
{
    assert_non_null(text);
    json_t *message = json_loads(text, 0, NULL);
    assert_non_null(message);
    free(text);
    return message;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void assert_trace(const json_t *message, size_t place, const struct visdom_trace *trace)
{
    const json_t *found = json_array_get(json_object_get(message, "data"), place);
    const json_t *found_x = json_object_get(found, "x");
    const json_t *found_y = json_object_get(found, "y");
    assert_string_equal(text_at(found, "name"), trace->name);
    assert_string_equal(text_at(found, "type"), "scatter");
    assert_string_equal(text_at(found, "mode"), "lines");
    assert_int_equal(json_array_size(found_x), trace->count);
    assert_int_equal(json_array_size(found_y), trace->count);
    for (size_t i = 0; i < trace->count; i++) {
        double ratio = json_real_value(json_array_get(found_y, i)) / trace->y[i];
        assert_true(json_number_value(json_array_get(found_x, i)) == trace->x[i]);
        assert_true(ratio > 1 - 1e-8 && ratio < 1 + 1e-8);
    }
}

static void assert_window(const json_t *message, const char *environment)
{
    const json_t *layout = json_object_get(message, "layout");
    assert_string_equal(text_at(message, "win"), "train");
    assert_string_equal(text_at(message, "eid"), environment);
    assert_string_equal(text_at(json_object_get(layout, "xaxis"), "title"), "epoch");
    assert_string_equal(text_at(json_object_get(layout, "yaxis"), "title"), "ppl");
    assert_string_equal(text_at(json_object_get(message, "opts"), "title"), "train");
}

static void a_window_has_all_traces(void **state)
{
    (void)state;
    const struct visdom_trace both[] = {train, valid};
    json_t *message = read_back(visdom_message_window("main", both, 2));
    assert_window(message, "main");
    assert_int_equal(json_array_size(json_object_get(message, "data")), 2);
    assert_trace(message, 0, &train);
    assert_trace(message, 1, &valid);
    assert_null(json_object_get(message, "append"));
    json_decref(message);
}

static void points_name_their_trace(void **state)
{
    (void)state;
    json_t *message = read_back(visdom_message_points("a \"b\" 试", &valid));
    assert_window(message, "a \"b\" 试");
    assert_int_equal(json_array_size(json_object_get(message, "data")), 1);
    assert_trace(message, 0, &valid);
    assert_string_equal(text_at(message, "name"), "valid");
    assert_true(json_is_true(json_object_get(message, "append")));
    json_decref(message);
}

static void a_question_names_the_window(void **state)
{
    (void)state;
    json_t *message = read_back(visdom_message_question("a \"b\" 试"));
    assert_string_equal(text_at(message, "win"), "train");
    assert_string_equal(text_at(message, "eid"), "a \"b\" 试");
    assert_int_equal(json_object_size(message), 2);
    json_decref(message);
}

static void an_environment_is_utf8(void **state)
{
    (void)state;
    assert_null(visdom_message_question("\xff"));
    assert_null(visdom_message_window("\xff", &train, 1));
    assert_null(visdom_message_points("\xff", &train));
}

static size_t allocations_left;

static void *allocate_some(size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(bytes);
}

/* The n-th allocation fails, for n = 1, 2, … until none does. */
static void memory_may_be_short(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    json_set_alloc_funcs(allocate_some, free);
    while (!text) {
        assert_true(n < 1000);
        allocations_left = n++;
        text = visdom_message_points("main", &train);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(n > 10);
    json_decref(read_back(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_has_all_traces),     cmocka_unit_test(points_name_their_trace),
        cmocka_unit_test(a_question_names_the_window), cmocka_unit_test(an_environment_is_utf8),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
