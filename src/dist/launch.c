/* A rank that waits in MPI spins. With more ranks than CPUs it spins on the CPU that another rank needs, and
 * an exchange of microseconds takes a whole time slice of the scheduler. mpirun sees to it only where it
 * knows that a host is crowded; --host NAME:SLOTS, a host file with too many slots, and srun hide that from
 * it. */

#include "launch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A whole number from the environment; `otherwise` where there is none. */
static int environment_number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    char *end;
    long number = text ? strtol(text, &end, 10) : 0;
    return text && end != text && number >= 0 && number < 1 << 24 ? (int)number : otherwise;
}

int launch_slurm_tasks(const char *tasks_per_node, int node)
{
    const char *rest = tasks_per_node;
    for (long nodes_before = 0; *rest;) {
        char *end;
        long tasks = strtol(rest, &end, 10);
        long nodes = 1;
        if (end == rest || tasks < 0 || tasks >= 1 << 24)
            return 0;
        if (end[0] == '(' && end[1] == 'x')
            nodes = strtol(end + 2, &end, 10);
        if (nodes < 1)
            return 0;
        if (node < nodes_before + nodes)
            return (int)tasks;
        nodes_before += nodes;
        while (*end == ')' || *end == ',')
            end++;
        rest = end;
    }
    return 0;
}

int launch_ranks_on_host(void)
{
    int ranks = environment_number("OMPI_COMM_WORLD_LOCAL_SIZE", 0);
    const char *tasks_per_node = getenv("SLURM_STEP_TASKS_PER_NODE");
    if (ranks == 0 && tasks_per_node)
        ranks = launch_slurm_tasks(tasks_per_node, environment_number("SLURM_NODEID", 0));
    return ranks > 0 ? ranks : 1;
}

void launch_cpus_of_rank(cpu_set_t *cpus)
{
    if (sched_getaffinity(0, sizeof *cpus, cpus) != 0)
        CPU_ZERO(cpus);
}

void launch_bind(const cpu_set_t *cpus, int number)
{
    cpu_set_t own;
    launch_cpus_of_rank(&own);
    if (number >= CPU_COUNT(cpus) || !CPU_EQUAL(&own, cpus))
        return;
    size_t cpu = 0;
    for (int before = 0; !CPU_ISSET(cpu, cpus) || before < number; cpu++)
        before += CPU_ISSET(cpu, cpus) ? 1 : 0;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own);
    /* Where the system does not allow it, the scheduler has the choice. */
    (void)sched_setaffinity(0, sizeof own, &own);
}

enum status launch_check_cpus(struct error *error)
{
    const char *text = getenv("LSTM_MPI_CPUS");
    bool is_number = text && !text[strspn(text, "0123456789")];
    if (!text || !text[0] || (is_number && environment_number("LSTM_MPI_CPUS", 0) > 0))
        return STATUS_OK;
    error_set(error, STATUS_FAILED, "LSTM_MPI_CPUS is '%s'", text);
    error_why(error, "it is no number of CPUs");
    return error_remedy(error, "set it to 1 or more, or unset it and the CPUs are counted");
}

int launch_cpus_said(int found)
{
    int said = environment_number("LSTM_MPI_CPUS", 0);
    return said > 0 ? said : found;
}

int launch_cpus_of_host(void)
{
    /* mpirun has bound each rank to CPUs of its own: what they have together is what their parent may use. */
    bool bound = environment_number("OMPI_MCA_orte_bound_at_launch", 0) != 0;
    cpu_set_t allowed;
    if (sched_getaffinity(bound ? getppid() : 0, sizeof allowed, &allowed) == 0)
        return launch_cpus_said(CPU_COUNT(&allowed));
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return launch_cpus_said(online > 0 ? (int)online : 1);
}

void launch_yield_where_crowded(void)
{
    /* Where there is no memory for it, waiting is slow and nothing else is lost. */
    if (launch_ranks_on_host() > launch_cpus_of_host())
        (void)setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

void launch_without_shared_file_pointers(void)
{
    /* Where there is no memory for it, files are opened with them, as they would be without us. */
    (void)setenv("OMPI_MCA_sharedfp", "^sm,lockedfile", 0);
}
