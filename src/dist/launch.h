#ifndef LSTM_MPI_DIST_LAUNCH_H
#define LSTM_MPI_DIST_LAUNCH_H

/* What the launcher says of this host, before MPI starts. */

#include "lstm_mpi/base/error.h"

#include <sched.h>

/* How many ranks mpirun or srun starts on this host; 1 where neither says so. */
int launch_ranks_on_host(void);

/* How many CPUs the ranks of this host may use together. */
int launch_cpus_of_host(void);

/* The CPUs that this rank alone may use; none where the system does not say. */
void launch_cpus_of_rank(cpu_set_t *cpus);

/* Lets this thread, and those that it starts, run on the CPU of this number among `cpus` alone, where it
 * might run on all of them: what somebody else has bound stays as it is. */
void launch_bind(const cpu_set_t *cpus, int number);

/* Fails where LSTM_MPI_CPUS is set to what is no number of CPUs; empty it is as if not set. */
MUST_CHECK enum status launch_check_cpus(struct error *error);

/* How many CPUs the ranks of this host may use together, who may use `found` as it seems: LSTM_MPI_CPUS where
 * it is set. */
int launch_cpus_said(int found);

/* The number of tasks on node `node` (from 0) in Slurm's notation "2(x3),1": 2, 2, 2, 1; 0 where the text
 * does not tell. */
int launch_slurm_tasks(const char *tasks_per_node, int node);

/* Where this host has more ranks than CPUs, makes MPI give the CPU away while it waits; what the user chose
 * stays. To be called before MPI_Init. */
void launch_yield_where_crowded(void);

/* Keeps Open MPI from preparing the shared file pointers of MPI-IO, which nothing here uses: for each file
 * it takes a semaphore that all users of the host share by the file's last name. A rank that is killed while
 * it holds it (sem_wait in the component sharedfp/sm) would leave every later run on the host waiting, and
 * another user's run cannot open it. What the user chose stays. To be called before MPI_Init. */
void launch_without_shared_file_pointers(void);

#endif
