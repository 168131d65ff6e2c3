#!/bin/bash
#SBATCH --job-name=lstm_mpi
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --time=1:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out

# Trains for longer than a job may last. Two minutes before the time is up lstm_mpi writes a checkpoint and stops
# with status 75; the job puts itself back into the queue, starts again and goes on, until the run is done.
# Slurm also starts it again when a node dies.
#
#   sbatch jobs/chain.sh --corpus novel.txt --run-dir runs/novel    its arguments go to lstm_mpi
#   scancel JOB                                                     ends the chain; the checkpoint stays
#
# Where Slurm has no pmix (srun --mpi=list), use chain-mpirun.sh.

program=$(command -v lstm_mpi || echo "$PWD/build/src/lstm_mpi")
if [ ! -x "$program" ]; then
    echo "lstm_mpi is not on PATH, and there is no $program" >&2
    exit 1
fi
srun --mpi=pmix "$program" train --resume "$@"
status=$?
if [ "$status" -eq 75 ]; then
    exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
