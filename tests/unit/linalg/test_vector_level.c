/* The level is chosen once a process, so each choice is made in a child. */

#include "lstm_mpi/linalg/vector_level.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static enum vector_level level_with(const char *variable)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (variable)
            setenv("LSTM_MPI_VECTOR_LEVEL", variable, 1);
        else
            unsetenv("LSTM_MPI_VECTOR_LEVEL");
        enum vector_level level = vector_level_in_use();
        setenv("LSTM_MPI_VECTOR_LEVEL", "baseline", 1);
        _exit(vector_level_in_use() == level ? (int)level : 99);
    }
    int exit_status;
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_true(WIFEXITED(exit_status) && WEXITSTATUS(exit_status) <= VECTOR_AVX512);
    return (enum vector_level)WEXITSTATUS(exit_status);
}

static void each_level_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(vector_level_name(VECTOR_BASELINE), "baseline");
    assert_string_equal(vector_level_name(VECTOR_AVX2), "avx2");
    assert_string_equal(vector_level_name(VECTOR_AVX512), "avx512");
}

static void the_variable_lowers_the_level(void **state)
{
    (void)state;
    enum vector_level highest = level_with(NULL);
    for (unsigned i = VECTOR_BASELINE; i <= VECTOR_AVX512; i++) {
        enum vector_level level = (enum vector_level)i;
        assert_int_equal(level_with(vector_level_name(level)), level < highest ? level : highest);
    }
}

static void other_words_leave_the_highest_level(void **state)
{
    (void)state;
    enum vector_level highest = level_with(NULL);
    assert_int_equal(level_with(""), highest);
    assert_int_equal(level_with("AVX2"), highest);
    assert_int_equal(level_with("avx"), highest);
}

static void other_words_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"baseline", "avx2", "avx512", ""};
    static const char *const others[] = {"AVX2", "avx", "avx3"};
    struct error error;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv("LSTM_MPI_VECTOR_LEVEL", names[i], 1);
        assert_int_equal(vector_level_check_variable(&error), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        setenv("LSTM_MPI_VECTOR_LEVEL", others[i], 1);
        assert_int_equal(vector_level_check_variable(&error), STATUS_FAILED);
        char line[ERROR_LINE_BYTES];
        error_line(line, &error);
        assert_non_null(strstr(line, others[i]));
        assert_non_null(strstr(line, "avx512"));
    }
    unsetenv("LSTM_MPI_VECTOR_LEVEL");
    assert_int_equal(vector_level_check_variable(&error), STATUS_OK);
}

/* A program for a level that the CPU lacks would end at its first instruction. */
static void the_highest_level_is_one_that_the_cpu_has(void **state)
{
    (void)state;
#ifdef __x86_64__
    enum vector_level highest = level_with(NULL);
    __builtin_cpu_init();
    assert_true(highest < VECTOR_AVX2 || __builtin_cpu_supports("avx2"));
    assert_true(highest < VECTOR_AVX512 || __builtin_cpu_supports("avx512vl"));
#else
    assert_int_equal(level_with(NULL), VECTOR_BASELINE);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_has_its_name),
        cmocka_unit_test(the_variable_lowers_the_level),
        cmocka_unit_test(other_words_leave_the_highest_level),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(the_highest_level_is_one_that_the_cpu_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
