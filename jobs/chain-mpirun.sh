#!/bin/bash
#SBATCH --job-name=lstm_mpi
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --time=1:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out

# As chain.sh, for a Slurm without pmix: mpirun starts the ranks, on the nodes that Slurm gave.
#
#   sbatch jobs/chain-mpirun.sh --corpus novel.txt --run-dir runs/novel    its arguments go to lstm_mpi
#
# Slurm's signal reaches this script alone ("B:"), which passes it on. After scancel, mpirun leaves the ranks two
# seconds: a large checkpoint may not be written in them, and the run goes on from the one before. When a node dies
# the job fails; submitted again, the run goes on.

program=$(command -v lstm_mpi || echo "$PWD/build/src/lstm_mpi")
if [ ! -x "$program" ]; then
    echo "lstm_mpi is not on PATH, and there is no $program" >&2
    exit 1
fi
mpirun "$program" train --resume "$@" &
mpirun=$!
cancelled=
trap 'kill -USR1 $mpirun' USR1
trap 'cancelled=yes' TERM
# None for CONT, which Slurm sends right after USR1: with traps for both, bash may lose the first.
# A signal ends wait early, with a status of its own.
while :; do
    wait $mpirun
    status=$?
    kill -0 $mpirun 2>/dev/null || break
done
if [ "$status" -eq 75 ] && [ -z "$cancelled" ]; then
    exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
