#include "launch.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const variables[] = {
    "OMPI_COMM_WORLD_LOCAL_SIZE",    "SLURM_STEP_TASKS_PER_NODE",    "SLURM_NODEID",
    "OMPI_MCA_orte_bound_at_launch", "OMPI_MCA_mpi_yield_when_idle", "LSTM_MPI_CPUS"};

static int forget_launcher(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return 0;
}

static void slurm_notation(void **state)
{
    (void)state;
    assert_int_equal(launch_slurm_tasks("4", 0), 4);
    assert_int_equal(launch_slurm_tasks("2(x3),1", 0), 2);
    assert_int_equal(launch_slurm_tasks("2(x3),1", 2), 2);
    assert_int_equal(launch_slurm_tasks("2(x3),1", 3), 1);
    assert_int_equal(launch_slurm_tasks("2(x3),1", 4), 0);
    assert_int_equal(launch_slurm_tasks("1,128(x1000),3", 1000), 128);
    assert_int_equal(launch_slurm_tasks("1,128(x1000),3", 1001), 3);
}

static void slurm_notation_that_says_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",       "x",  ",",   "(x2)",          "2(x0)",
                                        "2(x-1)", "-1", "2(x", "99999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(launch_slurm_tasks(texts[i], 1), 0);
}

static void no_launcher_is_one_rank(void **state)
{
    (void)state;
    assert_int_equal(launch_ranks_on_host(), 1);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "many", 1);
    assert_int_equal(launch_ranks_on_host(), 1);
}

static void ranks_of_mpirun_and_srun(void **state)
{
    (void)state;
    setenv("SLURM_STEP_TASKS_PER_NODE", "2(x3),1", 1);
    assert_int_equal(launch_ranks_on_host(), 2);
    setenv("SLURM_NODEID", "3", 1);
    assert_int_equal(launch_ranks_on_host(), 1);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "5", 1);
    assert_int_equal(launch_ranks_on_host(), 5);
}

static void cpus_are_those_allowed(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(launch_cpus_of_host(), CPU_COUNT(&before));
    size_t last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &before))
        last--;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(launch_cpus_of_host(), 1);
    cpu_set_t own;
    launch_cpus_of_rank(&own);
    assert_true(CPU_EQUAL(&own, &one));
    /* Bound by mpirun: the CPUs of the parent count. */
    setenv("OMPI_MCA_orte_bound_at_launch", "1", 1);
    assert_int_equal(launch_cpus_of_host(), CPU_COUNT(&before));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* To each CPU that this process has; not where it is bound already, or to one that there is not. */
static void a_rank_can_be_bound(void **state)
{
    (void)state;
    cpu_set_t before;
    cpu_set_t own;
    cpu_set_t together;
    launch_cpus_of_rank(&before);
    CPU_ZERO(&together);
    for (int number = 0; number < CPU_COUNT(&before); number++) {
        launch_bind(&before, number);
        launch_cpus_of_rank(&own);
        assert_int_equal(CPU_COUNT(&own), 1);
        CPU_OR(&together, &together, &own);
        if (CPU_COUNT(&before) > 1) {
            cpu_set_t bound = own;
            launch_bind(&before, (number + 1) % CPU_COUNT(&before));
            launch_cpus_of_rank(&own);
            assert_true(CPU_EQUAL(&own, &bound));
        }
        assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    }
    assert_true(CPU_EQUAL(&together, &before));
    launch_bind(&before, CPU_COUNT(&before));
    launch_cpus_of_rank(&own);
    assert_true(CPU_EQUAL(&own, &before));
}

static void cpus_may_be_said(void **state)
{
    (void)state;
    assert_int_equal(launch_cpus_said(3), 3);
    setenv("LSTM_MPI_CPUS", "0", 1);
    assert_int_equal(launch_cpus_said(3), 3);
    setenv("LSTM_MPI_CPUS", "100001", 1);
    assert_int_equal(launch_cpus_said(3), 100001);
    assert_int_equal(launch_cpus_of_host(), 100001);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100001", 1);
    launch_yield_where_crowded();
    assert_null(getenv("OMPI_MCA_mpi_yield_when_idle"));
}

static void cpus_that_are_no_number(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(launch_check_cpus(&error), STATUS_OK);
    setenv("LSTM_MPI_CPUS", "8", 1);
    assert_int_equal(launch_check_cpus(&error), STATUS_OK);
    setenv("LSTM_MPI_CPUS", "", 1);
    assert_int_equal(launch_check_cpus(&error), STATUS_OK);
    static const char *const texts[] = {"foo", "0", "-1", " 8", "8x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        setenv("LSTM_MPI_CPUS", texts[i], 1);
        assert_int_equal(launch_check_cpus(&error), STATUS_FAILED);
    }
}

static void crowded_hosts_yield(void **state)
{
    (void)state;
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "1", 1);
    launch_yield_where_crowded();
    assert_null(getenv("OMPI_MCA_mpi_yield_when_idle"));
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100000", 1);
    launch_yield_where_crowded();
    assert_string_equal(getenv("OMPI_MCA_mpi_yield_when_idle"), "1");
    setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
    launch_yield_where_crowded();
    assert_string_equal(getenv("OMPI_MCA_mpi_yield_when_idle"), "0");
}

static void no_shared_file_pointers_unless_chosen(void **state)
{
    (void)state;
    unsetenv("OMPI_MCA_sharedfp");
    launch_without_shared_file_pointers();
    assert_string_equal(getenv("OMPI_MCA_sharedfp"), "^sm,lockedfile");
    setenv("OMPI_MCA_sharedfp", "sm", 1);
    launch_without_shared_file_pointers();
    assert_string_equal(getenv("OMPI_MCA_sharedfp"), "sm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slurm_notation),
        cmocka_unit_test(slurm_notation_that_says_nothing),
        cmocka_unit_test_setup(no_launcher_is_one_rank, forget_launcher),
        cmocka_unit_test_setup(ranks_of_mpirun_and_srun, forget_launcher),
        cmocka_unit_test_setup(cpus_are_those_allowed, forget_launcher),
        cmocka_unit_test_setup(a_rank_can_be_bound, forget_launcher),
        cmocka_unit_test_setup(cpus_may_be_said, forget_launcher),
        cmocka_unit_test_setup(cpus_that_are_no_number, forget_launcher),
        cmocka_unit_test_setup(crowded_hosts_yield, forget_launcher),
        cmocka_unit_test(no_shared_file_pointers_unless_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
