#!/bin/bash
#SBATCH --job-name=lstm_mpi
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --time=1:00:00
#SBATCH --signal=USR1@120
#SBATCH --output=%x-%j.out

# Trains on one node. Submit it in the folder where runs/ shall be:
#
#   sbatch jobs/one-node.sh                                             the built-in corpus
#   sbatch jobs/one-node.sh --corpus novel.txt --run-dir runs/novel     its arguments go to lstm_mpi
#   sbatch --ntasks-per-node=32 --time=8:00:00 jobs/one-node.sh ...     options of Slurm come before the script
#
# Two minutes before the time is up lstm_mpi writes a checkpoint and stops with status 75. Submitted again, the
# run goes on.

program=$(command -v lstm_mpi || echo "$PWD/build/src/lstm_mpi")
if [ ! -x "$program" ]; then
    echo "lstm_mpi is not on PATH, and there is no $program" >&2
    exit 1
fi
srun --mpi=pmix "$program" train --resume "$@"
